/**
 * Makes the baseline of a model from its training rows.
 *
 * The rule: the model reads the rows as a server has it read requests, so that the same texts give no drift.
 */
import { throwIfAborted, typeMistake } from '../../core/errors.js';
import { readOptions } from '../../core/options.js';
import { Classifier } from '../../models/classifier.js';
import { Encoder } from '../../models/encoder.js';
import { modelVersion } from '../../models/model-version.js';
import type { TextModel } from '../../models/text-model.js';
import { type Baseline, BaselineBuilder, observationOf } from '../../monitor/index.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { tokenCounter } from './count-tokens.js';

/** A training row: a text, a pair of texts, or an object with them. */
export type BaselineRow =
  | string
  | readonly [string, string]
  | { readonly text: string; readonly pair?: string };

export interface BaselineOptions {
  readonly signal?: AbortSignal;
  /** Told of the rows that were read so far. */
  readonly onProgress?: (rows: number) => void;
}

/** Rows that are computed in one call. */
const CHUNK = 256;

/** As `baselineOf` of index.ts. */
export async function baselineOf(
  model: TextModel,
  rows: Iterable<BaselineRow> | AsyncIterable<BaselineRow>,
  options: BaselineOptions,
): Promise<Baseline> {
  const where = 'baselineOf';
  const read = readOptions(where, options, { signal: true, onProgress: true });
  const signal = read.signal();
  const onProgress = read.callback('onProgress');
  const reader = new RowReader(model, signal);
  let chunk: TextInput[] = [];
  let count = 0;
  const flush = async () => {
    await reader.read(chunk);
    chunk = [];
    onProgress?.(count);
  };
  for await (const row of rows) {
    throwIfAborted(signal, where);
    chunk.push(textOf(`${where}: rows[${count++}]`, row));
    if (chunk.length === CHUNK) await flush();
  }
  if (chunk.length > 0) await flush();
  const { task } = reader;
  const version = await modelVersion(model, signal);
  return reader.builder.build({ task, version }, new Date());
}

function textOf(where: string, row: BaselineRow): TextInput {
  if (typeof row === 'string') return row;
  if (Array.isArray(row) && row.length === 2 && row.every((one) => typeof one === 'string')) {
    return row as unknown as readonly [string, string];
  }
  const { text, pair } = (row ?? {}) as { readonly text?: unknown; readonly pair?: unknown };
  if (typeof text !== 'string') throw typeMistake(where, 'a text, a pair or { text }', row);
  if (pair === undefined) return text;
  if (typeof pair !== 'string') throw typeMistake(`${where}.pair`, 'a text', pair);
  return [text, pair];
}

class RowReader {
  readonly builder = new BaselineBuilder();
  readonly task: string;
  private readonly countTokens: ReturnType<typeof tokenCounter>;

  constructor(
    private readonly model: TextModel,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.countTokens = tokenCounter(model);
    this.task = model instanceof Encoder ? 'embed' : model instanceof Classifier ? 'classify' : '';
  }

  async read(texts: readonly TextInput[]): Promise<void> {
    const { model, signal, builder } = this;
    const options = { ...(signal !== undefined && { signal }) };
    const add = async (i: number, result: unknown, facts: Facts) => {
      const text = texts[i] as TextInput;
      const counted = await this.countTokens(text);
      builder.add({ ...observationOf({ ...facts, task: this.task }, text, result), ...counted });
    };
    const plain = { labels: [], problem: null };
    if (model instanceof Encoder) {
      const vectors = await model.embed(texts, options);
      for (let i = 0; i < texts.length; i++) await add(i, vectors.row(i), plain);
    } else if (model instanceof Classifier) {
      const { labels, problem } = await model.info();
      const predictions: readonly object[] = await model.predict(texts, options);
      for (const [i, one] of predictions.entries()) {
        const scores = scoresOf(one, labels ?? []);
        await add(i, { scores }, { labels: labels ?? [], problem });
      }
    } else {
      for (let i = 0; i < texts.length; i++) await add(i, null, plain);
    }
  }
}

interface Facts {
  readonly labels: readonly string[];
  readonly problem: string | null;
}

/** The scores of a prediction in the order of the labels; of a regression its numbers. */
function scoresOf(prediction: object, labels: readonly string[]): Float32Array {
  const { scores, values } = prediction as {
    readonly scores?: Readonly<Record<string, number>>;
    readonly values?: readonly number[];
  };
  if (scores === undefined) return Float32Array.from(values ?? []);
  return Float32Array.from(labels, (label) => scores[label] ?? 0);
}
