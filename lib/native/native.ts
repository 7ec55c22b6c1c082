/**
 * The border to the native core on one page, but for its losses (losses.ts), and the only file that loads it.
 *
 * TypeScript checks every option and fills in defaults before it calls; the native side checks again only where memory
 * safety depends on it. A drift test compares these interfaces with what the addon exports.
 */
import { createRequire } from 'node:module';
import { ERROR_CODES, SinterError, type SinterErrorCode } from '../core/errors.js';
import { packageFile } from '../core/package-files.js';
import type { ElementDtype } from '../graph/storages.js';
import type { EncoderGraph, WeightDtype, WeightSpec } from '../graph/types.js';
import { coreFile } from './core-file.js';
import type { LossDescription, LossTerm } from './losses.js';
import { compileHint, coreDamage, coreProblem } from './missing-core.js';

/** Bumped when a signature below changes; a stale binary is refused. */
export const NATIVE_ABI = 23;

/** Instruction sets of the kernels; SINTER_ISA forces one. */
export type IsaName =
  | 'scalar'
  | 'avx2'
  | 'avxvnni'
  | 'avx512'
  | 'vnni'
  | 'neon'
  | 'dotprod'
  | 'i8mm';

/** A batch of tokenized texts (sequences) without padding: sequence i is ids[offsets[i] .. offsets[i + 1]). */
export interface TokenBatch {
  readonly ids: Int32Array;
  /** sequences + 1 entries, the first 0, strictly increasing. */
  readonly offsets: Int32Array;
  /** Segment (token type) of each token, as many as ids; null: all 0. */
  readonly segments: Int32Array | null;
  /** Indices into `ids` of the tokens that `select` nodes keep, strictly increasing. null or left out: all tokens. */
  readonly selected?: Int32Array | null;
  /**
   * Input of `features` nodes: [sequences, width] in row-major order, finite numbers. Needed if the graph has such a node;
   * null or left out if it has none. If the graph reads nothing else, each sequence may be a single token 0.
   */
  readonly features?: Float32Array | null;
  /**
   * Number of tokens at the start of every sequence that poolings leave out; every sequence is longer. Default: 0. Not
   * allowed in a training step.
   */
  readonly unpooled?: number;
}

/** Destination of an output: [tokens, width], [sequences, width] or [selected tokens, width], allocated by the caller. */
export interface OutputBuffer {
  readonly name: string;
  readonly data: Float32Array;
}

export interface RunOptions {
  /** From `nextJobId()`: identifies this call for `cancel`. */
  readonly jobId: number;
  /** Largest number of tokens in a micro-batch, which one lane runs alone. */
  readonly tokenBudget: number;
  /** true: the run goes before runs and steps that are not urgent. One that is running already waits at its next operation. */
  readonly urgent?: boolean;
}

export interface ProgramOptions {
  /**
   * The weights that an optimizer changes: all, none, or those named. The program holds its own copy of them, unpacked too,
   * and this copy replaces the store's. Weights that one product stacks are trained together. A frozen weight has no
   * gradient and no optimizer state, and the backward pass ends at the lowest layer with a trained weight. int8 weights are
   * always frozen, and gradients do not pass through them.
   */
  readonly trainable: boolean | readonly string[];
}

/** A weight of another store from which a new weight is derived. If shape and storage are the same, both share it. */
export interface WeightOrigin {
  /** A store whose weights are all sealed. */
  readonly store: NativeStore;
  readonly name: string;
  /** Indices of the rows and the columns to keep, in increasing order. Left out: all. */
  readonly rows?: Int32Array;
  readonly columns?: Int32Array;
  /** Column c of the kept columns is divided by divisor[c] before it is stored. */
  readonly divisor?: Float32Array;
}

/** A weight that a store is to hold. */
export interface StoreWeight extends WeightSpec {
  /**
   * Origin of a derived weight, which the lanes quantize or dequantize when a program first needs it. Left out: the weight
   * is written by `writeWeight`.
   */
  readonly from?: WeightOrigin;
}

/**
 * Named weights, which programs read. A weight is in memory once, however many programs and stores use it; disposing a store
 * frees the weights that nobody else uses.
 */
export interface NativeStore {
  /**
   * Writes elements [offset, offset + bytes / size) of a part of a weight, in row-major order. `part` is a part of its
   * storage, by default the weight itself. 16-bit floats are widened for an f32 part; otherwise `dtype` must be the part's.
   */
  writeWeight(
    name: string,
    offset: number,
    dtype: ElementDtype,
    bytes: Uint8Array,
    part?: string,
  ): void;
  /**
   * Packs the completely written weights into the form that programs read, and drops those that the process already holds
   * elsewhere. Calling it now and then while a store is filled keeps the memory close to the size of the weights. Nothing
   * may be written while it runs. If it fails, the store can only be disposed.
   */
  pack(jobId?: number): Promise<void>;
  /**
   * A copy of a weight, or of its rows [begin, end), in row-major order as f32, whatever its storage. It runs on the calling
   * thread, so it is for a few rows. INTERNAL while a training step runs or waits.
   */
  readWeight(name: string, begin?: number, end?: number): Float32Array;
  /**
   * Rows [begin, end) in storage `dtype`, one Uint8Array for each part of the storage: copied, widened, narrowed or
   * quantized on the lanes. INVALID_DATA if a number is too large for the storage.
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

/** A graph over the weights of a store. `dispose` frees the program when its last running call ends; the store stays. */
export interface NativeProgram {
  /** The store of its weights. */
  readonly store: NativeStore;
  /** Ends the writing of weights: checks that they are finite and packs the ones not packed yet. No run is possible before it. */
  seal(jobId?: number): Promise<void>;
  /** Bytes of the weights it uses, packed forms included, also of weights that it shares with other programs of the process. */
  residentBytes(): number;
  /** Runs the graph on a batch. The batch is copied at once; outputs are written only if the call succeeds. */
  run(batch: TokenBatch, outputs: readonly OutputBuffer[], options: RunOptions): Promise<void>;
  dispose(): void;
}

/**
 * adamw: decoupled weight decay. sgd: momentum without dampening; weight decay is added to the gradient, so it enters the
 * momentum too. adam: weight decay is added to the gradient, so it enters the moments. These match PyTorch. lamb: algorithm
 * 2 of You et al. 2020. lion: algorithm 2 of Chen et al. 2023.
 */
export type OptimizerSettings =
  | {
      readonly kind: 'adamw' | 'adam' | 'lamb';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    }
  | { readonly kind: 'lion'; readonly beta1: number; readonly beta2: number }
  | { readonly kind: 'sgd'; readonly momentum: number; readonly nesterov: boolean };

export const OPTIMIZER_KINDS = [
  'adamw',
  'sgd',
  'adam',
  'lamb',
  'lion',
] as const satisfies OptimizerSettings['kind'][];

/** Weights with the same training settings. */
export interface ParameterGroup {
  readonly weights: readonly string[];
  /** Factor on the learning rate of each step. */
  readonly learningRateFactor: number;
  readonly weightDecay: number;
  /** lamb: scales the step to the norm of each weight. Default: true. */
  readonly trustRatio?: boolean;
}

export interface TrainerSettings {
  readonly optimizer: OptimizerSettings;
  /** A weight in no group has factor 1 and no weight decay. */
  readonly groups: readonly ParameterGroup[];
  /**
   * Decay of the exponential moving average of the weights over the steps, which starts as the weights before the first
   * one. 0 or left out: there is no average.
   */
  readonly averageDecay?: number;
  /** true: there is a place for `keep`. Default: false. */
  readonly keeps?: boolean;
}

export interface PassOptions {
  readonly jobId: number;
  /** Key of this pass's dropout; null: no dropout (evaluation mode). */
  readonly dropoutSeed: number | null;
  /**
   * Tokens that go through the network together: the activations of a larger batch are held one slice at a time. Default:
   * 4096.
   */
  readonly sliceTokens?: number;
}

export interface PassResult {
  /** Sum of weight * loss over the terms. */
  readonly loss: number;
  /** Loss of each term, without its weight. */
  readonly losses: readonly number[];
}

/** A flat buffer of a trainer's state; `u8` buffers hold flags. */
export interface StateBuffer {
  readonly name: string;
  readonly dtype: 'f32' | 'u8';
  readonly elements: number;
}

/**
 * The state that the next steps depend on, apart from the batches: trained weights, the optimizer's buffers and its step
 * counter.
 */
export interface TrainerState {
  readonly steps: number;
  readonly buffers: readonly StateBuffer[];
}

/**
 * An optimizer over a trainable program. Calls are queued, so a step may start `accumulate`, `clip` and `apply` without
 * waiting.
 */
export interface NativeTrainer {
  /** Adds the gradients of a batch to those since the last `apply`. If it fails or is cancelled, all gradients are dropped. */
  accumulate(
    batch: TokenBatch,
    terms: readonly LossTerm[],
    options: PassOptions,
  ): Promise<PassResult>;
  /**
   * The global 2-norm of the gradients; `apply` scales them so that it is at most `maxNorm` (0: no limit). INTERNAL without
   * gradients.
   */
  clip(maxNorm: number, jobId: number): Promise<number>;
  /**
   * Limits every number of the gradients to [-maxValue, maxValue]; `readGradient` then gives the limited ones. INTERNAL
   * without gradients.
   */
  clamp(maxValue: number, jobId: number): Promise<void>;
  /**
   * Takes one step of the optimizer and drops the gradients. If `clip` has found a norm that is not finite, no step is taken
   * and the weights stay. INTERNAL without gradients.
   */
  apply(learningRate: number, jobId: number): Promise<void>;
  /** Drops the gradients without a step. */
  clear(jobId: number): Promise<void>;
  /**
   * Gradient of a weight after the last `accumulate`, before clipping: zero where the loss does not depend on the weight.
   * INTERNAL while a call runs.
   */
  readGradient(name: string): Float32Array;
  /** Sizes of the state to save; gradients that wait for `apply` are not part of it. INTERNAL while a call runs. */
  state(): TrainerState;
  /**
   * Bytes [begin, end) of a buffer. Read in pieces of some megabytes: each blocks the JavaScript thread for about a
   * millisecond.
   */
  readState(name: string, begin: number, end: number): Uint8Array;
  /** Writes bytes from offset `begin` on into a buffer, whole elements only. CORRUPT_MODEL if a number is not finite. */
  writeState(name: string, begin: number, bytes: Uint8Array, jobId: number): Promise<void>;
  /** Called when all buffers are written: the trainer continues after step `steps`. */
  restore(steps: number, jobId: number): Promise<void>;
  /** Copies the trained weights into the kept ones. INTERNAL unless the settings have `keeps`. */
  keep(jobId: number): Promise<void>;
  /**
   * Exchanges the trained weights with their average, or with the kept ones; a second call takes it back, bit for bit. There
   * must have been a step, or a call of `keep`. INTERNAL without such a copy.
   */
  exchange(copy: 'average' | 'kept', jobId: number): Promise<void>;
  dispose(): void;
}

export interface GramShape {
  readonly inputs: number;
  /** 0: there is no Y. */
  readonly outputs: number;
  /** Every row of X gets a 1 behind its inputs, so that a bias is fitted too: `width` is inputs + 1 then, else inputs. */
  readonly intercept: boolean;
  /**
   * Every row of X and of Y - minus is divided by the root mean square of its `y`, as a norm behind the sum would do; a row of
   * zeros is not. Default: false.
   */
  readonly normalizeRows?: boolean;
}

/** What `NativeGram.remove` finds. */
export interface NativeRemoval {
  /** The groups in the order of their removal. */
  readonly order: Int32Array;
  /** By how much ||X D||^2 + damping ||D||^2 grew at each removal; D is the change of W. */
  readonly scores: Float64Array;
  /** ||X D||^2 after each removal. */
  readonly errors: Float64Array;
  /** Scores of all groups before the first removal. */
  readonly firstScores: Float64Array;
  /** W [outputs, width] for each of the `counts`; the columns of removed groups are 0. */
  readonly weights: readonly Float32Array[];
}

export interface NativeLowRank {
  readonly a: Float32Array;
  readonly b: Float32Array;
  /** All min(outputs, inputs), largest first. The squared error of rank r is the sum of their squares from r on. */
  readonly singularValues: Float64Array;
}

/**
 * X^T X and X^T Y over rows, in f64: each element is one chain of fma in the order of the rows, so the bits do not depend on
 * the lanes, the instruction set or the batches. Calls run in their order. A failed or cancelled `add` leaves the sums unusable.
 */
export interface NativeGram {
  /**
   * Adds the rows x [rows, inputs] and y - minus [rows, outputs]. All are copied on this thread: about a millisecond for a
   * million numbers. INVALID_DATA for a number that is not finite.
   */
  add(
    x: Float32Array,
    y: Float32Array | null,
    minus: Float32Array | null,
    jobId?: number,
  ): Promise<void>;
  /** Adds the sums of another one of the same shape. */
  merge(other: NativeGram, jobId?: number): Promise<void>;
  /** Copies: X^T X [width, width], X^T Y [width, outputs], the sum of all y^2. */
  sums(jobId?: number): Promise<{
    readonly products: Float64Array;
    readonly targets: Float64Array;
    readonly targetSquares: number;
    readonly rows: number;
  }>;
  /** ||X W^T - Y||^2 for W [outputs, width]. */
  error(weight: Float32Array, jobId?: number): Promise<number>;
  /**
   * W [outputs, columns (+ 1 for the intercept)] that minimises ||X W^T - Y||^2 + lambda mean(diag X^T X) ||W - prior||^2, if
   * only the inputs `columns` (rising) are kept. `prior` is [outputs, width]; null: zeros. An input that is always 0 keeps its
   * prior weight. With `ownScale` (default: false) each input's own element of the diagonal stands for the mean, so that inputs
   * of any size are damped alike. INVALID_DATA for dependent inputs without damping.
   */
  solve(
    options: {
      readonly lambda: number;
      readonly ownScale?: boolean;
      readonly prior: Float32Array | null;
      readonly columns: Int32Array;
    },
    jobId?: number,
  ): Promise<Float32Array>;
  /**
   * Removes groups of `groupColumns` neighbouring inputs from W [any outputs, width], each time the one whose removal costs
   * least, and adapts the others (the removal step of ZipLM, Kurtic et al. 2023). `counts` (rising) says after how many
   * removals W is wanted. Damping is lambda mean(diag X^T X). INVALID_DATA for dependent inputs without damping.
   */
  remove(
    weight: Float32Array,
    options: {
      readonly groupColumns: number;
      readonly removals: number;
      readonly lambda: number;
      readonly counts: Int32Array;
    },
    jobId?: number,
  ): Promise<NativeRemoval>;
  dispose(): void;
}

/** What a `NativeHistogram` has counted. */
export interface NativeCounts {
  /** A power of two: bin i of a sign has the magnitudes in [i width, (i + 1) width). 0 as long as there are nothing but zeros. */
  readonly width: number;
  readonly negative: Float64Array;
  readonly positive: Float64Array;
  readonly zeros: number;
  /** Smallest and largest number; 0 if there is none. */
  readonly min: number;
  readonly max: number;
}

/**
 * Counts of numbers in 4,096 bins for each sign, whose width doubles when a number does not fit: no range has to be known, and
 * the counts do not depend on the order of the numbers. Calls run in their order.
 */
export interface NativeHistogram {
  /**
   * Counts `values`, copied on this thread; with `factors` they are rows with a factor for each column. INVALID_DATA for a
   * number that is not finite; then none of them is counted.
   */
  add(values: Float32Array, factors: Float32Array | null, jobId?: number): Promise<void>;
  /** Counts a weight of a store in whatever storage it is, column by column times `factors`. */
  addWeight(
    store: NativeStore,
    name: string,
    factors: Float32Array | null,
    jobId?: number,
  ): Promise<void>;
  counts(jobId?: number): Promise<NativeCounts>;
  dispose(): void;
}

/** How the core's WordPiece reads texts; the first four are the switches of BERT's normalizer, all false without one. */
export interface WordPieceRules {
  /** Drops control characters. */
  readonly cleans: boolean;
  /** Makes each ideograph a word. */
  readonly spaces: boolean;
  /** Decomposes canonically and drops nonspacing marks. */
  readonly strips: boolean;
  readonly lowercases: boolean;
  /** Of tokens that continue a word. */
  readonly prefix: string;
  /** Id of the token for a word that the vocabulary lacks. */
  readonly unknown: number;
  /** Characters of a word beyond which it is unknown. */
  readonly maxWord: number;
}

/** Tokens of texts back to back: text i has ids[offsets[i]] up to ids[offsets[i + 1]]. */
export interface NativePieces {
  readonly ids: Int32Array;
  /** Places in UTF-16 units of the token's text. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** One more entry than texts. */
  readonly offsets: Int32Array;
  /** Indices of texts without tokens here, because what a mark becomes depends on its neighbours. */
  readonly refused: Int32Array;
}

export interface NativeWordPieces {
  /** On this thread: about a millisecond for 4,000 tokens. */
  encode(texts: readonly string[]): NativePieces;
}

export interface NativeBinding {
  readonly abi: number;
  /** The level in use, the best of this CPU, and all that it has, from the lowest. */
  isa(): { active: IsaName; host: IsaName; levels: IsaName[] };
  errorCodes(): string[];
  /** Names of the storages that weights may have. */
  storages(): string[];
  /** Starts the lanes of this environment's engine. Call it before the first job; later calls must pass the same number. */
  startLanes(lanes: number): void;
  lanes(): number;
  /** Milliseconds that each lane has been busy since startLanes; empty before that. */
  laneBusyMs(): Float64Array;
  /** The system's number of each lane's thread; 0 where threads have none (Linux has them). Empty before startLanes. */
  laneThreads(): Int32Array;
  nextJobId(): number;
  /** Cancels a job. Its promise rejects with CANCELLED: at once if it waits, at its next check if it runs. */
  cancel(jobId: number): void;
  /** Bytes of the weights of all programs in this process, in all threads; shared weights count once. */
  weightBytes(): number;
  losses(): LossDescription[];
  optimizers(): string[];
  /**
   * Exchanges two files or folders of one file system in one step. Returns false and changes nothing if the system or the
   * file system does not support it or refuses.
   */
  exchangePaths(a: string, b: string): boolean;
  /**
   * out[i, j] = sum over k of a[i, k] * (b[k, j] - zero[j]), row-major, on the calling thread. It serves the reference
   * evaluator: plain loops that share no code with the kernels. Sums are doubles, added in increasing k. `zero` holds one
   * number for all columns, or one for each.
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
  /**
   * Writes `[a,b,c]` into `to` from `at` on, each number with the fewest digits that read back as the same float32, and returns
   * the place behind it. `to` needs 16 bytes for each number and 2 more. INTERNAL for a number that is not finite.
   */
  writeFloat32Json(values: Float32Array, to: Uint8Array, at: number): number;
  /**
   * Approximates W [outputs, inputs] by B A, with A [rank, inputs] and B [outputs, rank], so that the error of W is smallest:
   * of W itself, of W with its columns multiplied by `scale` (ASVD, Yuan et al. 2023), or of W L with L L^T = X^T X + lambda
   * mean(diag), the sums of `gram` (the smallest error of the outputs). At most one of `scale` and `gram` is given. The first r
   * rows of A and columns of B are the best approximation of rank r. INVALID_DATA for dependent inputs without damping.
   */
  lowRank(
    weight: Float32Array,
    options: {
      readonly outputs: number;
      readonly inputs: number;
      readonly rank: number;
      readonly scale: Float64Array | null;
      readonly gram: NativeGram | null;
      readonly lambda: number;
    },
    jobId?: number,
  ): Promise<NativeLowRank>;
  Gram: new (shape: GramShape) => NativeGram;
  Histogram: new () => NativeHistogram;
  Store: new (weights: readonly StoreWeight[]) => NativeStore;
  Program: new (graph: EncoderGraph, store: NativeStore, options: ProgramOptions) => NativeProgram;
  /** `words` by id, joined by zero characters. INVALID_DATA for more bytes than its tree can number (16 million). */
  WordPieces: new (
    words: string,
    rules: WordPieceRules,
  ) => NativeWordPieces;
  Trainer: new (program: NativeProgram, settings: TrainerSettings) => NativeTrainer;
}

let loaded: NativeBinding | undefined;

/** The addon, loaded on first use from the path in `SINTER_NATIVE`, else as it was compiled here, else as it was made for this platform. */
export function native(): NativeBinding {
  loaded ??= load();
  return loaded;
}

function load(): NativeBinding {
  const file = coreFile();
  const refuse = (what: string, cause?: unknown) =>
    new SinterError('DEVICE', `${what}; ${compileHint(packageFile(''))}`, { cause });
  const damage = coreDamage(file);
  if (damage !== null) throw refuse(damage);
  let binding: NativeBinding;
  try {
    binding = createRequire(import.meta.url)(file.path) as NativeBinding;
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (code !== undefined && (ERROR_CODES as readonly string[]).includes(code))
      throw toSinterError(cause);
    throw refuse(coreProblem(file, cause), cause);
  }
  if (binding.abi === NATIVE_ABI) return binding;
  throw refuse(
    `the native core at ${file.path} has abi ${binding.abi}, this package needs ${NATIVE_ABI}`,
  );
}

/** Turns a native failure, which carries `code`, into a SinterError of that code. Returns anything else as it is. */
export function toSinterError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof SinterError) return error;
  const { code } = error as { code?: string };
  if (code === undefined || !(ERROR_CODES as readonly string[]).includes(code)) return error;
  return new SinterError(code as SinterErrorCode, error.message, { cause: error });
}
