/**
 * What `train` and `evaluate` do for models other than classifiers with one label per text.
 *
 * The rule: rows come from any data file that has the columns; each keeps its place, which messages name.
 */
import {
  allOf,
  type FileRow,
  readAllRows,
  readLabelListRows,
  readQuestionRows,
  readRerankingRows,
  readWordTagsRows,
} from '../data/index.js';
import { KIND_NAMES, KINDS, type Kind, kindOf } from '../models/kinds.js';
import type { ModelInfo } from '../models/model-info.js';
import type { FolderTask } from '../tasks/folder-task.js';
import type { TrainReport } from '../train/train-report.js';
import type { DataFiles } from './data-files.js';
import type { HeadChoice } from './kept-head.js';

/** Names for --task, except that of classifiers with one label per text. */
export type HeadTask = Exclude<Kind, 'classification'>;
export const HEAD_TASKS = KIND_NAMES.filter((kind): kind is HeadTask => kind !== 'classification');

type Row = Readonly<Record<string, unknown>>;

/** The methods that all these models share. The models check their rows themselves. */
export interface TrainableHead extends AsyncDisposable {
  train(rows: Iterable<never>, options: object): Promise<TrainReport<object>>;
  evaluate(rows: Iterable<never>, options: { readonly signal: AbortSignal }): Promise<object>;
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

/**
 * The task of a folder; null for an encoder or a classifier with one label per text; `unknown` for one score that config.json
 * does not explain.
 */
export function headTaskOf(found: FolderTask): HeadTask | 'unknown' | null {
  const kind = kindOf(found);
  if (kind !== 'classification') return kind;
  return found.labels?.length === 1 ? 'unknown' : null;
}

/** All rows of a file in the form that the models of `task` take, with their places. */
export async function readHeadRows(
  task: HeadTask,
  file: string,
  { read }: DataFiles,
): Promise<readonly Row[]> {
  const form = KINDS[task].rows;
  if (form === 'answers') return allAsRows(readQuestionRows(file, read));
  if (form === 'tags') return allAsRows(readWordTagsRows(file, read));
  if (form === 'labels') return allAsRows(readLabelListRows(file, read));
  if (form === 'reranking') return allAsRows(readRerankingRows(file, read));
  if (form === 'text') {
    const rows = await readAllRows(file, { ...read, labels: 'none' });
    return rows.map(({ text, file: from, line }) => ({ text, file: from, line }));
  }
  const rows = await readAllRows(file, { ...read, labels: 'numbers', requireLabel: true });
  return rows.map((row) => {
    const { text, label, file: from, line } = row;
    return { text, ...pairOf(row), [form]: Number(label), file: from, line };
  });
}

async function allAsRows(rows: AsyncIterable<object>): Promise<Row[]> {
  return (await allOf(rows)).map((row) => ({ ...row }));
}

function pairOf({ pair }: FileRow) {
  return pair === undefined ? {} : { pair };
}

/** Class names in the rows for a new head; null for heads without labels. */
export function labelsOf(task: HeadTask, rows: readonly Row[]): readonly string[] | null {
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
function valuesOf(rows: readonly Row[], key: string): string[] {
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
