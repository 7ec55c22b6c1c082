/**
 * What `train` and `evaluate` do for models other than classifiers with one label per text.
 *
 * The rule: tags, answers and label lists come as JSON lines with the fields that the model's own rows have; numbers, scored
 * pairs and plain texts come from any data file.
 */
import { SinterError } from '../core/errors.js';
import { type FileRow, readAllRows, readJsonObjects } from '../data/index.js';
import { Classifier } from '../models/classifier.js';
import { CrossEncoder } from '../models/cross-encoder.js';
import type { FolderTask } from '../models/folder-task.js';
import { MaskedLM } from '../models/masked-lm.js';
import type { ModelInfo } from '../models/model-info.js';
import { QuestionAnswerer } from '../models/question-answerer.js';
import { TokenClassifier } from '../models/token-classifier.js';
import type { TrainReport } from '../train/train-report.js';
import { type DataOptions, readOptionsOf } from './arguments.js';

/** Tasks by their name for --task. */
export const HEAD_TASKS = [
  'multi-label',
  'regression',
  'tags',
  'answers',
  'pairs',
  'masked-lm',
] as const;
export type HeadTask = (typeof HEAD_TASKS)[number];

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

/** The task of a folder; null for an encoder or a classifier with one label per text. */
export function headTaskOf({ task, problem, scorer }: FolderTask): HeadTask | null {
  if (task === 'token-classification') return 'tags';
  if (task === 'question-answering') return 'answers';
  if (task === 'masked-lm') return 'masked-lm';
  if (problem === 'multi_label_classification') return 'multi-label';
  if (scorer) return 'pairs';
  return problem === 'regression' ? 'regression' : null;
}

/** All rows of a file as the models of `task` take them. */
export async function readHeadRows(
  task: HeadTask,
  file: string,
  options: DataOptions,
): Promise<readonly Row[]> {
  if (task === 'tags' || task === 'answers' || task === 'multi-label') {
    const rows: Row[] = [];
    for await (const row of readJsonObjects(file)) rows.push(row);
    return rows;
  }
  const requireLabel = task !== 'masked-lm';
  const rows = await readAllRows(file, { ...readOptionsOf(options), requireLabel });
  if (task === 'masked-lm') return rows.map(({ text }) => ({ text }));
  const key = task === 'pairs' ? 'score' : 'value';
  return rows.map((row) => ({ text: row.text, ...pairOf(row), [key]: numberOf(row) }));
}

function pairOf({ pair }: FileRow) {
  return pair === undefined ? {} : { pair };
}

function numberOf({ label, file, line }: FileRow): number {
  const value = Number(label);
  if (Number.isFinite(value)) return value;
  throw new SinterError('INVALID_DATA', `${file}:${line}: the label is not a number`, {
    details: { file, line },
  });
}

/** A new head on `path` for `rows`. */
export async function newHead(
  task: HeadTask,
  path: string,
  rows: readonly Row[],
  options: HeadOptions,
): Promise<TrainableHead> {
  switch (task) {
    case 'tags':
      return TokenClassifier.load(path, { ...options, labels: valuesOf(rows, 'tags') });
    case 'answers':
      return QuestionAnswerer.load(path, { ...options, newHead: true });
    case 'masked-lm':
      return MaskedLM.load(path, { ...options, newHead: true });
    case 'pairs':
      return CrossEncoder.load(path, { ...options, newHead: true });
    case 'regression':
      return Classifier.load(path, { ...options, labels: ['LABEL_0'], problem: 'regression' });
    case 'multi-label': {
      const labels = valuesOf(rows, 'labels');
      return Classifier.load(path, { ...options, labels, problem: 'multi_label_classification' });
    }
  }
}

/** The trained head of a folder. */
export async function trainedHead(
  task: HeadTask,
  path: string,
  options: HeadOptions,
): Promise<TrainableHead> {
  switch (task) {
    case 'tags':
      return TokenClassifier.load(path, options);
    case 'answers':
      return QuestionAnswerer.load(path, options);
    case 'masked-lm':
      return MaskedLM.load(path, options);
    case 'pairs':
      return CrossEncoder.load(path, options);
    case 'regression':
      return Classifier.load(path, { ...options, problem: 'regression' });
    case 'multi-label':
      return Classifier.load(path, { ...options, problem: 'multi_label_classification' });
  }
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
