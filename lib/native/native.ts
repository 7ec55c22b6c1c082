/**
 * The border to the native core: all that it exports, and the only file that loads it. What the parts take and give is in program.ts,
 * training.ts, losses.ts, compression.ts, word-pieces.ts and byte-pairs.ts.
 *
 * TypeScript checks every option and fills in defaults before it calls; the native side checks again only where memory
 * safety depends on it. A drift test compares these interfaces with what the addon exports.
 */
import { createRequire } from 'node:module';
import { ERROR_CODES, SinterError, type SinterErrorCode } from '../core/errors.js';
import { bundledCode, packageFile } from '../core/package-files.js';
import type { EncoderGraph } from '../graph/types.js';
import type { BytePairRules, NativeBytePairs } from './byte-pairs.js';
import type { GramShape, NativeGram, NativeHistogram, NativeLowRank } from './compression.js';
import { coreFile } from './core-file.js';
import type { LossDescription } from './losses.js';
import { compileHint, coreDamage, coreProblem } from './missing-core.js';
import type {
  IsaName,
  NativeProgram,
  NativeStore,
  ProgramOptions,
  StoreWeight,
} from './program.js';
import type { NativeTrainer, TrainerSettings } from './training.js';
import type { NativeWordList, NativeWordPieces, WordPieceRules } from './word-pieces.js';

/** Bumped when a signature of the border changes; a stale binary is refused. */
export const NATIVE_ABI = 25;

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
  /**
   * The words of a JSON object of words and ids, on this thread: about a millisecond for 10,000. It has no words where the object is not
   * plain: ids other than 0 to n - 1, words that are empty, occur twice or can't be passed on.
   */
  WordList: new (
    json: Uint8Array,
  ) => NativeWordList;
  /** `words` by id, joined by zero characters, or a list. INVALID_DATA for more bytes than its tree can number (16 million). */
  WordPieces: new (
    words: string | NativeWordList,
    rules: WordPieceRules,
  ) => NativeWordPieces;
  /**
   * `words` by id, and `merges`, left and right tokens in turns, each joined by zero characters. INVALID_DATA where a byte or a merge is
   * not a word.
   */
  BytePairs: new (
    words: string,
    merges: string,
    rules: BytePairRules,
  ) => NativeBytePairs;
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
    const bundled = code === 'MODULE_NOT_FOUND' ? bundledCode() : null;
    if (bundled !== null) throw new SinterError('DEVICE', bundled, { cause });
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
