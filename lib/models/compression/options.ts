/** The options of a compression: what is wanted, from which rows, and how much may be spent. */

import { rangeMistake, typeMistake } from '../../core/errors.js';
import { readOptions } from '../../core/options.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import type { CompressProgress } from './progress.js';

/** What a compression may do to a model, in the order in which it is done. */
export const COMPRESS_METHODS = [
  'vocabulary',
  'depth',
  'width',
  'low-rank',
  'student',
  'distil',
  'quantize',
] as const;

/**
 * vocabulary: tokens that never occur in the rows go. depth: whole layers go. width: heads and neurons go, and what stays is fitted
 * again by least squares. low-rank: products become two thin ones where these are faster, and within a search for a number of bytes
 * the table of tokens may get fewer columns. student: a form of given sizes in place of a search. distil: what stays is trained with the original as its
 * teacher. quantize: int8, but for the products that the gate needs in f32.
 */
export type CompressMethod = (typeof COMPRESS_METHODS)[number];

/** What the smaller model must reach. Left out: as fast as `maxDrop` allows. */
export interface CompressTarget {
  /** How many times as many tokens a second as the original in f32, on this machine and on the rows' texts. */
  readonly speedup?: number;
  /** Milliseconds for one text of `tokens` tokens. */
  readonly latencyMs?: number;
  /** Default: 32. */
  readonly tokens?: number;
  /** Bytes of model.safetensors. */
  readonly bytes?: number;
}

/** Sizes of a student; what is left out is the original's. */
export interface StudentSizes {
  readonly layers?: number;
  /** Channels between the layers. Not for encoders, whose vectors have them. */
  readonly hiddenSize?: number;
  /** Attention heads of each layer. */
  readonly heads?: number;
  /** Neurons of each feed-forward part. */
  readonly intermediateSize?: number;
  /** Columns of the table of tokens, behind which a product makes the width of the layers (Lan et al. 2020, ALBERT). */
  readonly embeddingSize?: number;
}

/** Low rank in place of a search: every product may become two thin ones in a row. */
export interface LowRankForm {
  /**
   * The rank of all products that are faster so (where `target` has bytes alone: smaller). Left out: a rank for each product, so
   * that the model meets the target, or, without one, is as fast as `maxDrop` allows.
   */
  readonly rank?: number;
  /**
   * What a rank keeps. `activations` (default): the outputs of the products on the texts. `none`: the weights, whatever the texts
   * are, which is usually much worse.
   */
  readonly weighting?: LowRankWeighting;
}

export const LOW_RANK_WEIGHTINGS = ['activations', 'none'] as const;
export type LowRankWeighting = (typeof LOW_RANK_WEIGHTINGS)[number];

export interface LowRankSettings {
  /** null: by the target. */
  readonly rank: number | null;
  readonly weighting: LowRankWeighting;
}

/** Options of `compress`. `Row`: a row as `evaluate` of the model takes it. */
export interface CompressOptions<Row = unknown> {
  /** Rows to learn from. Without labels: texts. */
  readonly rows: readonly Row[];
  /**
   * Rows for the verdict, which are used for no choice. They should be rows that the original was not trained on. Default: 15 % of
   * `rows`.
   */
  readonly eval?: readonly Row[];
  /** Rows by which candidates are compared. Default: a third of `eval`, else a tenth of `rows`; at most 2,000. */
  readonly choice?: readonly Row[];
  /** Texts like those that the model will see, to distil on beside the rows. */
  readonly unlabelled?: readonly TextInput[];
  readonly target?: CompressTarget;
  /** How much of the score may be lost, as a share from 0 to 1 of the score's scale. Default: 0.01. */
  readonly maxDrop?: number;
  /** Whether the upper end of the drop's interval must be within `maxDrop` too. Default: false. */
  readonly strict?: boolean;
  /** A form to train in place of a search: the method `student`, which excludes `depth` and `width`. */
  readonly student?: StudentSizes;
  /** Low rank in place of a search: the method `low-rank` without `depth` and `width`. */
  readonly lowRank?: LowRankForm;
  /** Default: all but `student`; with `student` or `lowRank`, only this of `depth`, `width`, `low-rank` and `student`. */
  readonly methods?: readonly CompressMethod[];
  /**
   * Passes over the rows that the training of the final candidates takes. Default: 6, and more where that would be fewer than 600
   * steps.
   */
  readonly epochs?: number;
  /** Default: 3e-4. */
  readonly learningRate?: number;
  /** Default: 32. */
  readonly batchSize?: number;
  /** Decides every choice, together with the latency table. Default: 42. */
  readonly seed?: number;
  /** Ends the search after so many minutes with the best model so far. Default: no limit. */
  readonly budgetMinutes?: number;
  /**
   * A folder for finished stages, made if it is missing: a run that was interrupted goes on from there and ends with the same model.
   * Default: nothing is kept.
   */
  readonly workFolder?: string;
  /** Whether a text may be in `eval` and in `rows`. Default: false. */
  readonly allowOverlap?: boolean;
  /** The `latency` of an earlier report, in place of a measurement: the same rows and options then give the same model. */
  readonly latency?: object;
  readonly onProgress?: (progress: CompressProgress) => void;
  readonly signal?: AbortSignal;
}

export interface CompressSettings {
  readonly target: CompressTarget;
  readonly maxDrop: number;
  readonly strict: boolean;
  readonly methods: ReadonlySet<CompressMethod>;
  /** null: a search. */
  readonly student: StudentSizes | null;
  /** null: low rank is no form of its own. */
  readonly lowRank: LowRankSettings | null;
  /** null: by the number of rows. */
  readonly epochs: number | null;
  readonly learningRate: number;
  readonly batchSize: number;
  readonly seed: number;
  readonly budgetMs: number;
  readonly workFolder: string | null;
  readonly allowOverlap: boolean;
  readonly latency: object | null;
  readonly onProgress: (progress: CompressProgress) => void;
  readonly signal: AbortSignal | undefined;
}

const KNOWN = {
  rows: true,
  eval: true,
  choice: true,
  unlabelled: true,
  target: true,
  maxDrop: true,
  strict: true,
  methods: true,
  student: true,
  lowRank: true,
  epochs: true,
  learningRate: true,
  batchSize: true,
  seed: true,
  budgetMinutes: true,
  workFolder: true,
  allowOverlap: true,
  latency: true,
  onProgress: true,
  signal: true,
} as const;

/** Throws TypeError or RangeError that names the option. */
export function readCompressOptions(where: string, options: CompressOptions): CompressSettings {
  const read = readOptions<CompressOptions>(where, options, KNOWN);
  const { rows, eval: held, choice, unlabelled, onProgress, latency } = options;
  checkList(`${where}: rows`, rows);
  if (held !== undefined) checkList(`${where}: eval`, held);
  if (choice !== undefined) checkList(`${where}: choice`, choice);
  if (unlabelled !== undefined) checkList(`${where}: unlabelled`, unlabelled);
  if (onProgress !== undefined && typeof onProgress !== 'function')
    throw typeMistake(`${where}: onProgress`, 'a function', onProgress);
  if (latency !== undefined && (typeof latency !== 'object' || latency === null))
    throw typeMistake(`${where}: latency`, 'the latency of a report', latency);
  const minutes = read.positive('budgetMinutes', Number.POSITIVE_INFINITY);
  return {
    target: readTarget(where, options.target),
    maxDrop: read.number('maxDrop', 0.01, 'a number from 0, below 1', (x) => x >= 0 && x < 1),
    strict: read.boolean('strict', false),
    ...readForm(where, options),
    epochs: read.count('epochs', undefined) ?? null,
    learningRate: read.positive('learningRate', 3e-4),
    batchSize: read.count('batchSize', 32),
    seed: read.count('seed', 42, 0),
    budgetMs: minutes * 60_000,
    workFolder: read.text('workFolder', undefined) ?? null,
    allowOverlap: read.boolean('allowOverlap', false),
    latency: latency ?? null,
    onProgress: onProgress ?? (() => undefined),
    signal: read.signal(),
  };
}

function checkList(where: string, value: unknown): void {
  if (!Array.isArray(value)) throw typeMistake(where, 'an array', value);
  if (value.length === 0) throw rangeMistake(where, 'one row or more', value);
}

function readTarget(where: string, given: CompressTarget | undefined): CompressTarget {
  if (given === undefined) return {};
  const at = `${where}: target`;
  const read = readOptions<CompressTarget>(at, given, {
    ...{ speedup: true, latencyMs: true, tokens: true, bytes: true },
  });
  const has = (name: keyof CompressTarget) => given[name] !== undefined;
  const isOver = (least: number) => (value: number) => value >= least;
  if (given.tokens !== undefined && given.latencyMs === undefined)
    throw rangeMistake(`${at}: tokens`, 'left out without latencyMs', given.tokens);
  const found = {
    speedup: has('speedup') ? read.number('speedup', 1, 'a number from 1', isOver(1)) : undefined,
    latencyMs: has('latencyMs') ? read.positive('latencyMs', 1) : undefined,
    tokens: has('latencyMs') ? read.count('tokens', 32, 3) : undefined,
    bytes: has('bytes') ? read.count('bytes', 1) : undefined,
  };
  const set = Object.entries(found).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as CompressTarget;
}

/** Methods that choose a form, of which `student` and low rank by itself exclude all others. */
const FORMS: readonly CompressMethod[] = ['depth', 'width', 'low-rank', 'student'];

/** The methods, and the form that they make, which go together. */
function readForm(where: string, options: CompressOptions) {
  const { methods: given, student, lowRank } = options;
  if (student !== undefined && lowRank !== undefined)
    throw rangeMistake(`${where}: lowRank`, 'left out beside student', lowRank);
  const sizes = student === undefined ? null : readStudent(`${where}: student`, student);
  const form = lowRank === undefined ? null : readLowRank(where, options, lowRank);
  const own = sizes !== null ? 'student' : form !== null ? 'low-rank' : null;
  const fits = (method: CompressMethod) =>
    own === null ? method !== 'student' : method === own || !FORMS.includes(method);
  const wanted = given === undefined ? COMPRESS_METHODS.filter(fits) : given;
  const methods = readMethods(where, wanted);
  if (methods.has('student') && own !== 'student')
    throw rangeMistake(`${where}: student`, 'sizes for the method student', student);
  const option = own === 'student' ? 'student' : 'lowRank';
  if (own !== null && !methods.has(own)) {
    const why = own === 'student' ? 'since there are sizes' : 'since there is lowRank';
    throw rangeMistake(`${where}: methods`, `a list with ${own}, ${why}`, given);
  }
  const other = [...methods].find((method) => !fits(method));
  if (other !== undefined) {
    const what = `a list without ${FORMS.filter((one) => one !== own).join(', ')} beside ${option}`;
    throw rangeMistake(`${where}: methods`, what, other);
  }
  const isAlone = methods.has('low-rank') && !methods.has('depth') && !methods.has('width');
  const alone: LowRankSettings | null = isAlone ? { rank: null, weighting: 'activations' } : null;
  return { methods, student: sizes, lowRank: form ?? alone };
}

function readLowRank(
  where: string,
  { target }: CompressOptions,
  given: LowRankForm,
): LowRankSettings {
  const at = `${where}: lowRank`;
  const read = readOptions<LowRankForm>(at, given, { rank: true, weighting: true });
  const rank = read.count('rank', undefined) ?? null;
  if (rank !== null && (target?.speedup !== undefined || target?.latencyMs !== undefined))
    throw rangeMistake(`${at}: rank`, 'left out with a target of time, which chooses ranks', rank);
  return { rank, weighting: read.choice('weighting', 'activations', LOW_RANK_WEIGHTINGS) };
}

function readStudent(where: string, given: StudentSizes): StudentSizes {
  const read = readOptions<StudentSizes>(where, given, STUDENT_SIZES);
  const names = Object.keys(STUDENT_SIZES) as (keyof StudentSizes)[];
  const sizes = names.flatMap((name) => {
    const size = read.count(name, undefined);
    return size === undefined ? [] : [[name, size] as const];
  });
  if (sizes.length === 0) throw rangeMistake(where, 'one size or more', given);
  return Object.fromEntries(sizes);
}

/** Names of the sizes of a student. */
export const STUDENT_SIZES = {
  layers: true,
  hiddenSize: true,
  heads: true,
  intermediateSize: true,
  embeddingSize: true,
} as const;

function readMethods(where: string, given: readonly CompressMethod[]): ReadonlySet<CompressMethod> {
  const isKnown = (one: unknown) => (COMPRESS_METHODS as readonly unknown[]).includes(one);
  if (!Array.isArray(given) || given.length === 0 || !given.every(isKnown))
    throw rangeMistake(`${where}: methods`, `a list of ${COMPRESS_METHODS.join(', ')}`, given);
  return new Set(given);
}
