/**
 * The model and the rows of `sinter compress`, by the kind of the model.
 *
 * The rule: rows have the form that `evaluate` of the model takes. Rows of a classifier without a label are texts to distil on.
 */

import { SinterError } from '../core/errors.js';
import { allOf, readAllRows, readEmbeddingRows, readRows } from '../data/index.js';
import type { CompressOptions } from '../models/compression/options.js';
import type { CompressResult } from '../models/compression/run.js';
import { Encoder } from '../models/encoder.js';
import { KINDS, type Kind } from '../models/kinds.js';
import type { TextModel } from '../models/text-model.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { given, type ModelOptions, usageMistake } from './arguments.js';
import type { DataFiles } from './data-files.js';
import { readHeadRows } from './head-tasks.js';
import { taskOfModel } from './model-task.js';
import { modelOptions, modelPath } from './open-model.js';

/** A model that can be compressed. */
export interface Compressible extends TextModel {
  compress(options: CompressOptions<never>): Promise<CompressResult<Compressible>>;
}

interface RowFlags extends ModelOptions {
  readonly data: string;
  readonly eval?: string;
  readonly choice?: string;
  readonly unlabelled?: string;
  readonly task?: Kind | 'embedding';
  readonly threads?: number;
}

/** A model with its kind. */
export interface Opened extends AsyncDisposable {
  readonly kind: Kind | 'embedding';
  readonly model: Compressible;
}

export async function openCompressible(
  model: string,
  flags: RowFlags,
  signal: AbortSignal,
): Promise<Opened> {
  const { task, threads, firstPosition } = flags;
  const load = given({ lanes: threads, ...(await modelOptions({ ...flags, model })), signal });
  const path = (await modelPath(model)) ?? model;
  const own = task === 'embedding' ? null : task;
  const found = own === null ? null : await taskOfModel(model, given({ task: own, firstPosition }));
  const kind = found ?? 'embedding';
  if (kind === 'masked-lm')
    throw usageMistake(`${model} predicts masked tokens; compress the model that is made of it`);
  const { pooling: _, ...rest } = load;
  const opened: unknown =
    kind === 'embedding' ? await Encoder.load(path, load) : await KINDS[kind].load(path, rest);
  const made = opened as Compressible;
  return { kind, model: made, [Symbol.asyncDispose]: () => made.dispose() };
}

interface CompressRows {
  readonly rows: readonly unknown[];
  readonly eval?: readonly unknown[];
  readonly choice?: readonly unknown[];
  readonly unlabelled?: readonly TextInput[];
}

export async function compressRows(
  { kind }: Opened,
  { data, eval: held, choice, unlabelled }: RowFlags,
  files: DataFiles,
): Promise<CompressRows> {
  const rows = await rowsOf(kind, data, files);
  const added = unlabelled === undefined ? [] : await textsOf(unlabelled, files);
  const isMixed = kind === 'classification' && rows.some(hasLabel) && !rows.every(hasLabel);
  const learned = isMixed ? rows.filter(hasLabel) : rows;
  const untold = isMixed ? rows.filter((row) => !hasLabel(row)).map(inputOf) : [];
  const texts = [...untold, ...added];
  return {
    rows: learned,
    ...(held !== undefined && { eval: await rowsOf(kind, held, files) }),
    ...(choice !== undefined && { choice: await rowsOf(kind, choice, files) }),
    ...(texts.length > 0 && { unlabelled: texts }),
  };
}

const hasLabel = (row: unknown): boolean => (row as { label?: unknown }).label !== undefined;

function inputOf(row: unknown): TextInput {
  const { text, pair } = row as { text: string; pair?: string };
  return pair === undefined ? text : [text, pair];
}

async function rowsOf(
  kind: Opened['kind'],
  file: string,
  files: DataFiles,
): Promise<readonly unknown[]> {
  if (kind === 'embedding') return embeddingRows(file, files);
  if (kind === 'classification') return readAllRows(file, files.read);
  return readHeadRows(kind, file, files).catch((error: unknown) => {
    // A file without a column of labels: its rows are texts.
    if (!(error instanceof SinterError) || error.details.unknownColumn !== 'label') throw error;
    return allOf(readRows(file, { ...files.read, labels: 'none' }));
  });
}

/** Rows of several texts, or texts alone where the file has no other columns. */
async function embeddingRows(file: string, files: DataFiles): Promise<readonly unknown[]> {
  try {
    return await allOf(readEmbeddingRows(file, files.read));
  } catch (error) {
    const texts = await textsOf(file, files).catch(() => null);
    if (texts === null) throw error;
    return texts;
  }
}

async function textsOf(file: string, { read }: DataFiles): Promise<readonly TextInput[]> {
  const rows = await allOf(readRows(file, { ...read, labels: 'none' }));
  return rows.map(inputOf);
}
