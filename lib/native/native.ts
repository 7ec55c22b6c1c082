/**
 * The whole border to the native core on one page, and the only file that loads it.
 *
 * TypeScript has validated and filled every option before it calls in here; the native side checks again only what
 * protects memory. A drift test compares these interfaces with what the addon exports.
 */
import { createRequire } from 'node:module';
import { ERROR_CODES, SinterError, type SinterErrorCode } from '../core/errors.js';
import { packageFile } from '../core/package-files.js';
import type { ElementDtype } from '../graph/storages.js';
import type { EncoderGraph, WeightDtype, WeightSpec } from '../graph/types.js';

/** Bumped when a signature below changes; a stale binary is refused. */
export const NATIVE_ABI = 11;

export type IsaName = 'scalar' | 'avx2' | 'avx512' | 'vnni';

/** Texts back to back: sequence i is ids[offsets[i] .. offsets[i + 1]). No padding anywhere. */
export interface TokenBatch {
  readonly ids: Int32Array;
  /** sequences + 1 entries, the first 0, strictly increasing. */
  readonly offsets: Int32Array;
  /** Segment of each token, as long as ids; null: all 0. */
  readonly segments: Int32Array | null;
  /**
   * The tokens that `select` nodes keep: strictly increasing indices into ids. null or left out: all of them.
   */
  readonly selected?: Int32Array | null;
  /**
   * What `features` nodes read: [sequences, width] in row-major order, finite numbers. Needed where the graph has such a node,
   * and null or left out where it has none. Texts of a graph that reads nothing else may have one token each, 0.
   */
  readonly features?: Float32Array | null;
  /** Tokens at the start of every text that poolings leave out, fewer than any text has. Default: 0. Not in a training step. */
  readonly unpooled?: number;
}

/** Where an output goes: [tokens, width], [sequences, width] or [selected tokens, width], allocated by the caller. */
export interface OutputBuffer {
  readonly name: string;
  readonly data: Float32Array;
}

export interface RunOptions {
  /** From `nextJobId()`: names this call for `cancel`. */
  readonly jobId: number;
  /** Tokens of a micro-batch that one lane runs by itself. */
  readonly tokenBudget: number;
  /** true: passes runs and steps that are not urgent, also one that is running, between its operations. */
  readonly urgent?: boolean;
}

export interface ProgramOptions {
  /**
   * The weights that an optimizer changes, all or by name: the program has its own, in plain form too, and they replace those
   * of the store. Weights that one product stacks are trained together. A frozen weight has no gradient and no state, and
   * backward ends below the lowest that is trained. int8 weights are frozen, and pass no gradients on.
   */
  readonly trainable: boolean | readonly string[];
}

/** A weight of another store that one is made from, or that it is where shape and storage are the same. */
export interface WeightOrigin {
  /** Every weight of it is sealed. */
  readonly store: NativeStore;
  readonly name: string;
  /** The rows and the columns that are left of it, in increasing order. Left out: all. */
  readonly rows?: Int32Array;
  readonly columns?: Int32Array;
  /** Column c of these is divided by divisor[c] before it is stored. */
  readonly divisor?: Float32Array;
}

/** What a store is to hold. */
export interface StoreWeight extends WeightSpec {
  /** Left out: the weight is written. Codes become floats, floats become codes, on the lanes, when a program first needs them. */
  readonly from?: WeightOrigin;
}

/**
 * Named weights, which programs read. A weight is in memory once, however many programs and stores have it; a store that is
 * disposed frees what nobody else has.
 */
export interface NativeStore {
  /**
   * Elements [offset, offset + bytes / size) of a part of a weight, in order. `part`: one of its storage, by default the
   * weight's own. Floats of 16 bits are widened for a part that is f32; otherwise `dtype` is the part's.
   */
  writeWeight(
    name: string,
    offset: number,
    dtype: ElementDtype,
    bytes: Uint8Array,
    part?: string,
  ): void;
  /**
   * Brings the weights that were written whole into the form that programs read, and lets go of what the process already
   * holds: a store that is filled with a pack now and then never needs much more memory than its weights. Nothing is
   * written while it runs. When it fails the store can only be disposed.
   */
  pack(jobId?: number): Promise<void>;
  /**
   * A copy of a weight in row-major order as f32, whatever it is stored as, or of its rows [begin, end). It runs on this
   * thread, so it is for a few rows. INTERNAL while a training step runs or waits.
   */
  readWeight(name: string, begin?: number, end?: number): Float32Array;
  /**
   * Rows [begin, end) as they are in storage `dtype`, a Uint8Array for each of its parts: copied, widened, narrowed or
   * quantized on the lanes. INVALID_DATA for a number that is too large for the storage.
   */
  readRows(
    name: string,
    begin: number,
    end: number,
    dtype: WeightDtype,
    jobId?: number,
  ): Promise<Uint8Array[]>;
  dispose(): void;
}

/** A graph over the weights of a store. Dispose frees the memory when the last running call ends; the store stays. */
export interface NativeProgram {
  /** Where its weights are. */
  readonly store: NativeStore;
  /** All weights are written: checks that they are finite, packs the rest. Before it nothing runs. */
  seal(jobId?: number): Promise<void>;
  /** Bytes of weights held, packed forms included, and those that other programs of the process share. */
  residentBytes(): number;
  /** The batch is copied at once; outputs are written when the call has ended well. */
  run(batch: TokenBatch, outputs: readonly OutputBuffer[], options: RunOptions): Promise<void>;
  dispose(): void;
}

/**
 * adamw: decoupled decay. sgd: momentum without dampening, and decay is part of the gradient, so it goes into the momentum too.
 * Both are those of torch.
 */
export type OptimizerSettings =
  | {
      readonly kind: 'adamw';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | { readonly kind: 'sgd'; readonly momentum: number; readonly nesterov: boolean };

export const OPTIMIZER_KINDS = ['adamw', 'sgd'] as const satisfies OptimizerSettings['kind'][];

/** Weights that are trained alike. */
export interface ParameterGroup {
  readonly weights: readonly string[];
  /** Times the learning rate of each step. */
  readonly learningRateFactor: number;
  readonly weightDecay: number;
}

export interface TrainerSettings {
  readonly optimizer: OptimizerSettings;
  /** A weight that is in none has the factor 1 and no decay. */
  readonly groups: readonly ParameterGroup[];
}

/**
 * The losses of the native core, which has them in this order in `losses.inc`. `targets`: `classes` are one int32 for each row
 * of the output, -1 where it does not count; `values` are floats [rows, width]; `spans` are int32 [texts, 2], start and end
 * counted from the text's first token, -1 where it does not count; `positives` are int32, one for each anchor; `scores` are
 * floats, one for each pair. `unit`: what the mean runs over. `coupled`: rows depend on each other, so the whole batch goes
 * forward before any of it goes back.
 */
export const LOSSES = {
  /** The gradient of a loss that the caller computed; its value is 0. */
  external: { targets: 'values', unit: 'element', coupled: false },
  /** -log softmax(row)[class]. */
  cross_entropy: { targets: 'classes', unit: 'row', coupled: false },
  /** Binary cross entropy of sigmoid; targets from 0 to 1. */
  bce: { targets: 'values', unit: 'element', coupled: false },
  /** Squared error. */
  mse: { targets: 'values', unit: 'element', coupled: false },
  /** Two columns of tokens: half the sum of both cross entropies of the softmax over the tokens of a text. */
  span: { targets: 'spans', unit: 'text', coupled: false },
  /**
   * The first rows are anchors, the others candidates; target i says which of the candidates is the positive of anchor i. Cross
   * entropy over scale * cosine with every candidate.
   */
  in_batch_negatives: { targets: 'positives', unit: 'row', coupled: true },
  /** n first halves, then n second halves of pairs: log(1 + sum of e^(scale * (cos i - cos j)) where score i < score j). */
  cosent: { targets: 'scores', unit: 'row', coupled: true },
} as const;

export type LossKind = keyof typeof LOSSES;

/** One term of the sum that a step minimises. */
export interface LossTerm {
  readonly kind: LossKind;
  /** Of the graph. Several terms may have the same one. */
  readonly output: string;
  readonly weight: number;
  readonly targets: Int32Array | Float32Array;
  /** What coupled losses multiply cosines by, above 0 and at most 300. Default: 20. */
  readonly scale?: number;
}

export interface PassOptions {
  readonly jobId: number;
  /** Key of this pass's dropout; null: no dropout (evaluation mode). */
  readonly dropoutSeed: number | null;
  /** Tokens that go through the network together: what of a larger batch is in memory at a time. Default: 4096. */
  readonly sliceTokens?: number;
}

export interface PassResult {
  /** Sum of weight * loss over the terms. */
  readonly loss: number;
  /** Of each term, without its weight. */
  readonly losses: readonly number[];
}

/** A flat buffer of a trainer's state; `u8` are flags. */
export interface StateBuffer {
  readonly name: string;
  readonly dtype: 'f32' | 'u8';
  readonly elements: number;
}

/** All that the next steps depend on, beside the batches: trained weights, the optimizer's buffers and its step counter. */
export interface TrainerState {
  readonly steps: number;
  readonly buffers: readonly StateBuffer[];
}

/** An optimizer over a trainable program. Calls are queued: a step is accumulate, clip and apply, without waiting in between. */
export interface NativeTrainer {
  /** Adds the gradients of a batch to those since the last apply. When it fails or is cancelled, all of them are dropped. */
  accumulate(
    batch: TokenBatch,
    terms: readonly LossTerm[],
    options: PassOptions,
  ): Promise<PassResult>;
  /**
   * The global 2-norm of the gradients; apply scales them so that it is at most `maxNorm` (0: any). INTERNAL without gradients.
   */
  clip(maxNorm: number, jobId: number): Promise<number>;
  /** One step of the optimizer, which uses the gradients up. INTERNAL without gradients. */
  apply(learningRate: number, jobId: number): Promise<void>;
  /** Drops the gradients instead. */
  clear(jobId: number): Promise<void>;
  /**
   * Gradient as of the last accumulate, before clipping: all zero where the loss does not reach. INTERNAL while a call runs.
   */
  readGradient(name: string): Float32Array;
  /** What there is to save; gradients that wait for apply are not part of it. INTERNAL while a call runs. */
  state(): TrainerState;
  /** Bytes [begin, end) of a buffer: in pieces of some megabytes it keeps the JavaScript thread for about a millisecond. */
  readState(name: string, begin: number, end: number): Uint8Array;
  /** Whole numbers only. CORRUPT_MODEL for one that is not finite. */
  writeState(name: string, begin: number, bytes: Uint8Array, jobId: number): Promise<void>;
  /** All buffers are written: goes on after step `steps`. */
  restore(steps: number, jobId: number): Promise<void>;
  dispose(): void;
}

/** A row of the core's table of losses, which LOSSES repeats. */
export interface LossDescription {
  readonly name: string;
  readonly targets: string;
  readonly unit: string;
  readonly coupled: boolean;
}

export interface NativeBinding {
  readonly abi: number;
  isa(): { active: IsaName; host: IsaName };
  errorCodes(): string[];
  /** Names of the storages that weights may have. */
  storages(): string[];
  /** Lanes of this environment's engine; set before the first job, later calls must agree. */
  startLanes(lanes: number): void;
  lanes(): number;
  /** Milliseconds for which each lane has been busy since startLanes; empty before it. */
  laneBusyMs(): Float64Array;
  nextJobId(): number;
  /** The job's promise rejects with CANCELLED: at once when it waits, at its next check when it runs. */
  cancel(jobId: number): void;
  /** Bytes of the weights of all programs in this process, in all threads; what they share counts once. */
  weightBytes(): number;
  losses(): LossDescription[];
  optimizers(): string[];
  /**
   * Two files or folders of one file system change places in one step. false: nothing changed, because the system or the
   * file system has no such call or refused it.
   */
  exchangePaths(a: string, b: string): boolean;
  /**
   * out[i, j] = sum of a[i, k] * (b[k, j] - zero[j]), row-major, on this thread: for the reference evaluator, in plain loops that
   * share nothing with the kernels. Sums are doubles in increasing k. `zero`: one for all columns, or one for each.
   */
  referenceProduct(
    a: Float64Array,
    b: Int8Array | Uint8Array | Int32Array | Float32Array | Float64Array,
    zero: Float64Array | null,
    rows: number,
    depth: number,
    columns: number,
    out: Float32Array | Float64Array,
  ): void;
  /**
   * to[r * columns + c] = from[at + r * rowStep + c * columnStep], on this thread: about a millisecond for a million elements.
   * Elements have 1, 2 or 4 bytes, `from` and `to` the same and not the same memory.
   */
  gatherRows<T extends Int8Array | Uint16Array | Float32Array>(
    from: T,
    at: number,
    rows: number,
    columns: number,
    rowStep: number,
    columnStep: number,
    to: T,
  ): void;
  Store: new (weights: readonly StoreWeight[]) => NativeStore;
  Program: new (graph: EncoderGraph, store: NativeStore, options: ProgramOptions) => NativeProgram;
  Trainer: new (program: NativeProgram, settings: TrainerSettings) => NativeTrainer;
}

let loaded: NativeBinding | undefined;

/** The addon, loaded on first use: `SINTER_NATIVE` (a path), else the build folder of this package. */
export function native(): NativeBinding {
  loaded ??= load();
  return loaded;
}

function load(): NativeBinding {
  const require = createRequire(import.meta.url);
  const path = process.env.SINTER_NATIVE ?? packageFile('build/Release/sinter.node');
  let binding: NativeBinding;
  try {
    binding = require(path) as NativeBinding;
  } catch (cause) {
    const { code, message } = cause as { code?: string; message?: string };
    if (code !== undefined && (ERROR_CODES as readonly string[]).includes(code))
      throw toSinterError(cause);
    throw new SinterError(
      'DEVICE',
      `the native core could not be loaded from ${path}: ${message ?? String(cause)}; ` +
        'run `npm rebuild sinter --foreground-scripts` (a C++20 compiler, make, and CMake or Python 3 are needed)',
      { cause },
    );
  }
  if (binding.abi !== NATIVE_ABI) {
    throw new SinterError(
      'DEVICE',
      `the native core at ${path} has abi ${binding.abi}, this package needs ${NATIVE_ABI}; run \`npm rebuild sinter\``,
    );
  }
  return binding;
}

/** Native failures carry `code`; they become SinterErrors of the same code. Anything else is returned as it is. */
export function toSinterError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SinterError) return error;
  const { code } = error as { code?: string };
  if (code === undefined || !(ERROR_CODES as readonly string[]).includes(code)) return error;
  return new SinterError(code as SinterErrorCode, error.message, { cause: error });
}
