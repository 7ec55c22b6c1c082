/**
 * The border to the native core: weights in stores, programs over them, and what they run on.
 */

import type { ElementDtype } from '../graph/storages.js';
import type { WeightDtype, WeightSpec } from '../graph/types.js';

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

/** Elements of a part of a weight, as they lie in a file. */
export interface NativeFilePart {
  readonly weight: string;
  readonly part: string;
  /** Element of the part that the first one becomes. */
  readonly offset: number;
  readonly dtype: ElementDtype;
  /** Number of the open file. */
  readonly file: number;
  /** Where the elements begin in the file, and how many bytes they have. */
  readonly position: number;
  readonly bytes: number;
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
   * Writes parts of weights from files, as `writeWeight` does, on a thread of Node's pool. Nothing may be written or packed while it
   * runs. Resolves to the index of the first part that its file does not have, or -1. Not on Windows.
   */
  readFiles(parts: readonly NativeFilePart[]): Promise<number>;
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
