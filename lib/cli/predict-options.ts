/**
 * What the options of `sinter predict` mean for the kind of model: its texts or pairs, its settings, the form of the result.
 *
 * The rule: an option that means nothing to the model is a usage mistake, never ignored.
 */
import { extname } from 'node:path';
import type { SpreadsheetOptions } from '../data/index.js';
import type { KindSettings } from '../models/kind-predictions.js';
import { KINDS, type Kind } from '../models/kinds.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { type DataOptions, type ModelOptions, readOptionsOf, usageMistake } from './arguments.js';
import type { CommonOptions, Console } from './context.js';
import { predictionsAsked } from './prediction-flags.js';
import { PREDICTION_FORMATS, type PredictionFormat } from './prediction-writers.js';
import { type TextSource, textSource, withPairs } from './text-source.js';

export interface PredictCommandOptions
  extends CommonOptions,
    DataOptions,
    KindSettings,
    ModelOptions,
    SpreadsheetOptions {
  readonly model?: string;
  readonly adapter?: string;
  readonly task?: Kind;
  readonly input?: string;
  readonly pair?: readonly string[];
  readonly out?: string;
  readonly format?: PredictionFormat;
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly resume?: boolean;
}

/** The texts, or pairs, in the form that the kind of model takes. */
export function sourceOf(
  texts: readonly string[],
  options: PredictCommandOptions,
  kind: Kind,
  out: Console,
): TextSource {
  const { names, pair } = KINDS[kind].predictor;
  const [textColumn, pairColumn] = names;
  const isNamed = pair === 'needed' && textColumn !== 'text' && options.header !== false;
  const own = isNamed ? { textColumn, pairColumn } : {};
  const columns = { ...own, ...options };
  if (pair === 'none' && (options.pair ?? options.pairColumn) !== undefined) {
    throw usageMistake(`${options.model} is for ${kind}, which takes no pairs`);
  }
  const source = textSource({
    texts: options.pair === undefined ? texts : withPairs(texts, options.pair),
    input: options.input,
    read: { ...readOptionsOf(columns), labels: 'none', signal: out.signal },
    onColumns: (columns) => out.noteColumns(columns),
  });
  if (pair !== 'needed') return source;
  return { ...source, open: () => onlyPairs(source, textColumn) };
}

/** Where the second texts come from, for sources whose texts may have none. */
const PAIRS_FROM: Readonly<Record<string, string>> = {
  arguments: '--pair TEXT',
  stdin: '--data-format jsonl (or csv, tsv), and --pair-column NAME',
};

async function* onlyPairs(source: TextSource, first: string): AsyncGenerator<TextInput> {
  for await (const input of source.open()) {
    if (typeof input !== 'string') yield input;
    else {
      const how = PAIRS_FROM[source.name] ?? '--pair-column NAME';
      throw usageMistake(`each ${first} needs a second text: give it with ${how}`);
    }
  }
}

/** The prediction options given. A usage mistake for one that the kind does not take. */
export function settingsOf(options: PredictCommandOptions, kind: Kind): KindSettings {
  const asked = predictionsAsked(options);
  const takes: readonly string[] = KINDS[kind].predictor.takes;
  const wrong = Object.keys(asked).find((name) => !takes.includes(name));
  if (wrong === undefined) return asked;
  const flag = `--${wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw usageMistake(`${flag} means nothing to ${options.model}, which is for ${kind}`);
}

export function formatFor({ format, out, json }: PredictCommandOptions): PredictionFormat {
  const ending = out === undefined ? '' : extname(out).slice(1).toLowerCase();
  const chosen = format ?? PREDICTION_FORMATS.find((known) => known === ending);
  if (chosen === undefined && out !== undefined) {
    throw usageMistake('--out is not a .jsonl, .csv or .parquet file; say which with --format');
  }
  if (chosen === 'parquet' && out === undefined) {
    throw usageMistake('parquet is binary: give --out FILE');
  }
  if (json === true && out === undefined && format !== undefined) {
    throw usageMistake('--json is one document: leave --format out');
  }
  return chosen ?? 'jsonl';
}
