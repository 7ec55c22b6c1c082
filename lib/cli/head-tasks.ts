/**
 * What `train` and `evaluate` do for models other than classifiers with one label per text.
 *
 * The rule: tags, answers and label lists come as JSON lines with the fields that the model's own rows have; numbers, scored
 * pairs and plain texts come from any data file.
 */
import { type FileRow, readAllRows, readJsonObjects, readLabelLists } from '../data/index.js';
import { KIND_NAMES, KINDS, type Kind, kindOf } from '../models/kinds.js';
import type { ModelInfo } from '../models/model-info.js';
import type { FolderTask } from '../tasks/folder-task.js';
import type { TrainReport } from '../train/train-report.js';
import { type DataOptions, readOptionsOf } from './arguments.js';
import type { Console } from './context.js';
import type { HeadChoice } from './kept-head.js';

/** Tasks by their name for --task, but for classifiers with one label per text. */
export type HeadTask = Exclude<Kind, 'classification'>;
export const HEAD_TASKS = KIND_NAMES.filter((kind): kind is HeadTask => kind !== 'classification');

type Row = Readonly<Record<string, unknown>>;

/** What all these models have in common; their rows are checked by themselves. */
export interface TrainableHead extends AsyncDisposable {
  train(rows: Iterable<never>, options: object): Promise<TrainReport<object>>;
  evaluate(rows: Iterable<never>, options: { readonly signal: AbortSignal }): Promise<object>;
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

/** All rows of a file as the models of `task` take them. */
export async function readHeadRows(
  task: HeadTask,
  file: string,
  options: DataOptions,
  out: Console,
): Promise<readonly Row[]> {
  const { signal } = out;
  const onLabelVariants = out.noteVariants.bind(out);
  const form = KINDS[task].rows;
  if (form === 'answers') return allOf(readJsonObjects(file, signal));
  if (form === 'tags' || form === 'labels') {
    return allOf(readLabelLists(file, form, { onLabelVariants, signal }));
  }
  const read = { ...readOptionsOf(options), signal };
  if (form === 'text') {
    const rows = await readAllRows(file, { ...read, labels: 'none' });
    return rows.map(({ text }) => ({ text }));
  }
  const rows = await readAllRows(file, { ...read, labels: 'numbers', requireLabel: true });
  return rows.map((row) => ({ text: row.text, ...pairOf(row), [form]: Number(row.label) }));
}

async function allOf(rows: AsyncIterable<Row>): Promise<Row[]> {
  const all: Row[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

function pairOf({ pair }: FileRow) {
  return pair === undefined ? {} : { pair };
}

/** What the rows call the classes of a new head; null for heads without labels. */
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

/** Every string in the lists at `key`, once, in code point order. What is no list is found by the model. */
function valuesOf(rows: readonly Row[], key: string): string[] {
  const lists = rows.map((row) => row[key]).filter((list) => Array.isArray(list));
  const texts = lists.flat().filter((text): text is string => typeof text === 'string');
  return [...new Set(texts)].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** The numbers of an evaluation or of an epoch's scores, one after the other. */
export function scoreText(scores: object): string {
  const numbers = Object.entries(scores).filter(([, value]) => typeof value === 'number');
  return numbers
    .map(
      ([name, value]) =>
        `${name} ${Number.isInteger(value) ? value : (value as number).toFixed(4)}`,
    )
    .join(', ');
}
