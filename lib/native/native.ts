/**
 * The whole border to the native core on one page, and the only file that loads it.
 *
 * TypeScript has validated and filled every option before it calls in here; the native side checks again only what
 * protects memory. A drift test compares these interfaces with what the addon exports.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { ERROR_CODES, SinterError, type SinterErrorCode } from '../core/errors.js';
import type { ElementDtype } from '../graph/storages.js';
import type { EncoderGraph, WeightDtype, WeightSpec } from '../graph/types.js';

/** Bumped when a signature below changes; a stale binary is refused. */
export const NATIVE_ABI = 9;

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

export interface TrainerSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Names of the weights that decay. */
  readonly decayed: readonly string[];
}

export type StepLoss =
  /**
   * Mean of -log softmax(logits)[label] over the rows of `logits` (texts, tokens or selected tokens), one label for each;
   * rows with label -1 are ignored.
   */
  | { readonly kind: 'cross_entropy'; readonly labels: Int32Array }
  /** Binary cross entropy of sigmoid(logits), mean over all elements; targets [rows, width] of `logits`, each 0 to 1. */
  | { readonly kind: 'bce'; readonly targets: Float32Array }
  /** Squared error of `logits`, mean over all elements; targets [rows, width]. */
  | { readonly kind: 'mse'; readonly targets: Float32Array }
  /**
   * `logits` are [tokens, 2]: for each column the cross entropy of the softmax over the tokens of a text, mean over the
   * texts with a label; half the sum of both columns. starts and ends hold one token per text, counted from its first;
   * -1 is ignored.
   */
  | { readonly kind: 'span'; readonly starts: Int32Array; readonly ends: Int32Array }
  /** The gradient of a loss that the caller computed, for one output: [rows, width]. */
  | { readonly kind: 'external'; readonly output: string; readonly gradient: Float32Array };

export interface StepOptions {
  readonly jobId: number;
  readonly learningRate: number;
  /** Global 2-norm to clip to; 0: no clipping. */
  readonly maxGradNorm: number;
  /** Key of this step's dropout; null: no dropout (evaluation mode). */
  readonly dropoutSeed: number | null;
  /** false: gradients are computed and kept, no weight changes. */
  readonly update: boolean;
}

export interface StepResult {
  /** 0 for an external loss. */
  readonly loss: number;
  /** Global 2-norm of the gradients before clipping. */
  readonly gradNorm: number;
}

/** Optimizer state over a trainable program. One step at a time. */
export interface NativeTrainer {
  step(batch: TokenBatch, loss: StepLoss, options: StepOptions): Promise<StepResult>;
  /** Gradient of the last step, before clipping: all zero where the loss does not reach. INTERNAL during a step. */
  readGradient(name: string): Float32Array;
  dispose(): void;
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
  /**
   * Two files or folders of one file system change places in one step. false: nothing changed, because the system or the
   * file system has no such call or refused it.
   */
  exchangePaths(a: string, b: string): boolean;
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
  const path =
    process.env.SINTER_NATIVE ??
    fileURLToPath(new URL('../../build/Release/sinter.node', import.meta.url));
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
        'run `npm rebuild sinter` (a C++20 compiler and cmake, or python3 and make, are needed)',
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
