/**
 * What `train` and `evaluate` do for models other than classifiers with one label per text.
 *
 * The rule: rows come from any data file that has the columns; each keeps its place, which messages name.
 */
import {
  allOf,
  type FileRow,
  type ReadOptions,
  readLabelListRows,
  readQuestionRows,
  readRerankingRows,
  readRows,
  readWordTagsRows,
} from '../data/index.js';
import type { LoadAdapterOptions } from '../models/adapted-model.js';
import { KIND_NAMES, KINDS, type Kind } from '../models/kinds.js';
import type { ModelInfo } from '../models/model-info.js';
import type { AdapterOption } from '../runtime/predict-options.js';
import type { Rows } from '../train/collect-rows.js';
import type { TrainReport } from '../train/train-report.js';
import type { DataFiles } from './data-files.js';
import type { HeadChoice } from './kept-head.js';
import { streamedRows, type TrainRows } from './train-rows.js';

/** Names for --task, except that of classifiers with one label per text. */
export type HeadTask = Exclude<Kind, 'classification'>;
export const HEAD_TASKS = KIND_NAMES.filter((kind): kind is HeadTask => kind !== 'classification');

/** A row in the form that a model takes. */
export type HeadRow = Readonly<Record<string, unknown>>;

/** The methods that all these models share. The models check their rows themselves. */
export interface TrainableHead extends AsyncDisposable {
  train(rows: Rows<never>, options: object): Promise<TrainReport<object>>;
  evaluate(
    rows: Iterable<never>,
    options: { readonly signal: AbortSignal } & AdapterOption,
  ): Promise<object>;
  loadAdapter(path: string, options: LoadAdapterOptions): Promise<void>;
  saveAdapter(path: string): Promise<void>;
  save(path: string): Promise<void>;
  info(): Promise<ModelInfo>;
  quantize(options: { readonly signal: AbortSignal }): Promise<TrainableHead>;
}

export interface HeadOptions {
  readonly signal: AbortSignal;
  readonly lanes?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
}

/** All rows of a file in the form that the models of `task` take, with their places. */
export async function readHeadRows(
  task: HeadTask,
  file: string,
  { read }: DataFiles,
): Promise<readonly HeadRow[]> {
  return allOf(headRows(task, file, read));
}

/** The rows of a file in the form that the models of `task` take, with their places, as they are read. */
function headRows(task: HeadTask, file: string, read: ReadOptions): AsyncIterable<HeadRow> {
  const form = KINDS[task].rows;
  if (form === 'answers') return asRows(readQuestionRows(file, read));
  if (form === 'tags') return asRows(readWordTagsRows(file, read));
  if (form === 'labels') return asRows(readLabelListRows(file, read));
  if (form === 'reranking') return asRows(readRerankingRows(file, read));
  if (form === 'text') {
    const rows = readRows(file, { ...read, labels: 'none' });
    return asRows(rows, ({ text, file: from, line }) => ({ text, file: from, line }));
  }
  const rows = readRows(file, { ...read, labels: 'numbers', requireLabel: true });
  return asRows(rows, (row) => {
    const { text, label, file: from, line } = row;
    return { text, ...pairOf(row), [form]: Number(label), file: from, line };
  });
}

/** The rows of a file, which is read anew in every pass. */
export function streamHeadRows(
  task: HeadTask,
  file: string,
  { read }: DataFiles,
): Promise<TrainRows<HeadRow>> {
  const form = KINDS[task].rows;
  const isLabelled = form === 'tags' || form === 'labels';
  const listOf = (row: HeadRow) => (isLabelled ? valuesOf([row], form) : []);
  return streamedRows((own) => headRows(task, file, own), read, listOf);
}

async function* asRows<R extends object>(
  rows: AsyncIterable<R>,
  make: (row: R) => HeadRow = (row) => ({ ...row }) as HeadRow,
): AsyncGenerator<HeadRow> {
  for await (const row of rows) yield make(row);
}

function pairOf({ pair }: FileRow) {
  return pair === undefined ? {} : { pair };
}

/** Class names in the rows for a new head; null for heads without labels. */
export function labelsOf(task: HeadTask, rows: readonly HeadRow[]): readonly string[] | null {
  const form = KINDS[task].rows;
  if (form === 'tags' || form === 'labels') return valuesOf(rows, form);
  return task === 'regression' ? ['LABEL_0'] : null;
}

/** A folder's head for `task`: its own, or a new one as `options` say. */
export async function loadHead(
  task: HeadTask,
  path: string,
  options: HeadOptions & Partial<HeadChoice>,
): Promise<TrainableHead> {
  return KINDS[task].load(path, options);
}

/** Every string in the lists at `key`, once, in code point order. Values that are no lists are left to the model to refuse. */
function valuesOf(rows: readonly HeadRow[], key: string): string[] {
  const lists = rows.map((row) => row[key]).filter((list) => Array.isArray(list));
  const texts = lists.flat().filter((text): text is string => typeof text === 'string');
  return [...new Set(texts)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The numbers among an evaluation's or an epoch's scores as text, one after the other. */
export function scoreText(scores: object): string {
  const numbers = Object.entries(scores).filter(([, value]) => typeof value === 'number');
  return numbers
    .map(
      ([name, value]) =>
        `${name} ${Number.isInteger(value) ? value : (value as number).toFixed(4)}`,
    )
    .join(', ');
}
