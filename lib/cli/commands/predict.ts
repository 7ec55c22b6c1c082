/**
 * `sinter predict`: predicts texts with any model that has a head, one line for each text, as they come.
 */
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import { formatDuration, formatNumber } from '../../core/units.js';
import type { SpreadsheetOptions } from '../../data/index.js';
import { FilePlace, fileError } from '../../files/index.js';
import type { KindSettings } from '../../models/kind-predictions.js';
import { KIND_NAMES, KINDS, type Kind, type KindRow } from '../../models/kinds.js';
import { AGGREGATIONS } from '../../tasks/token-classification/entities.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  readOptionsOf,
  realNumber,
  spreadsheetOf,
  usageMistake,
  wholeNumber,
  withCommon,
  withData,
  withModel,
  withSpreadsheet,
  withThreads,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { taskOfModel } from '../model-task.js';
import { onnxOptions } from '../open-model.js';
import {
  csvPredictions,
  jsonlPredictions,
  jsonPredictions,
  PREDICTION_FORMATS,
  type PredictionFormat,
  type PredictionWriter,
} from '../prediction-writers.js';
import { outputTo, type TextOutput } from '../text-output.js';
import {
  asTheyCome,
  countTexts,
  inChunks,
  type TextSource,
  textSource,
  withPairs,
} from '../text-source.js';

interface PredictCommandOptions
  extends CommonOptions,
    DataOptions,
    KindSettings,
    ModelOptions,
    SpreadsheetOptions {
  readonly model?: string;
  readonly task?: Kind;
  readonly input?: string;
  readonly pair?: readonly string[];
  readonly out?: string;
  readonly format?: PredictionFormat;
  readonly maxTokens?: number;
  readonly threads?: number;
}

/** Texts predicted at a time; the results of one group are in memory. */
const GROUP_TEXTS = 1024;
/** Fewer texts get no progress bar. */
const FEW_TEXTS = 256;

export function addPredict(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('predict')
    .summary('say what a trained model makes of texts')
    .description(
      'Predicts labels, numbers, entities, answers, scores of pairs or masked tokens, whatever the model is for: a line ' +
        'for each text, in their order. Texts come from the command line, a data file (.csv, .tsv, .jsonl), or one a ' +
        'line from a .txt file or stdin (--input -). A file may be larger than the memory.',
    )
    .argument('[texts...]', 'texts')
    .option('-m, --model <dir>', 'model folder, ONNX file or id')
    .option('-i, --input <file>', 'file of texts, or - for stdin')
    .option(
      '--pair <text...>',
      'second text of a text on the command line: a context, a document to score',
    )
    .option('-o, --out <file>', 'file to write (default: stdout)')
    .addOption(
      new Option(
        '--format <kind>',
        'form of the result (default: by the ending of --out, or jsonl)',
      ).choices(PREDICTION_FORMATS),
    )
    .option('--top-k <n>', 'the n best labels, answers or tokens with their scores', wholeNumber(1))
    .option('--all-scores', 'the score of every label')
    .option(
      '--threshold <x>',
      'several labels: probability from which a label counts (default: 0.5)',
      realNumber('a number from 0 to 1', (value) => value >= 0 && value <= 1),
    )
    .addOption(
      new Option('--aggregation <kind>', 'tags: how tokens become entities').choices(AGGREGATIONS),
    )
    .option('--allow-no-answer', 'answers: that there is none may be the best one')
    .addOption(
      new Option(
        '--windows <kind>',
        'read texts over the limit in windows, and take the mean or the largest of their logits',
      ).choices(['mean', 'max']),
    )
    .addOption(
      new Option('--task <kind>', 'what the model is for, where its files do not say').choices(
        KIND_NAMES,
      ),
    )
    .option('--max-tokens <n>', 'cut texts to this many tokens', wholeNumber(3))
    .addHelpText(
      'after',
      `
Examples:
  $ sinter predict --model my-model "I lost my card" --top-k 3
  $ sinter predict --model my-model --input mails.csv --text-column body --out labels.csv
  $ sinter predict --model my-qa "who wrote it?" --pair "The book was written by Ann."
  $ tail -f app.log | sinter predict --model my-model --input - > labels.jsonl
`,
    )
    .action((texts: string[], options: PredictCommandOptions) =>
      predict(texts, options, surroundings),
    );
  withCommon(withThreads(withModel(withData(withSpreadsheet(command), ['pair']))));
}

async function predict(
  texts: readonly string[],
  options: PredictCommandOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { model: name } = options;
  if (name === undefined) throw usageMistake('give --model DIR, a model with a head');
  const format = formatFor(options);
  const sheet = spreadsheetOf(options, format === 'csv', 'CSV');
  const kind = await taskOfModel(name, options);
  if (kind === null) {
    const what = 'has no head: `sinter embed` gives its vectors, `sinter train` gives it a head';
    throw usageMistake(`${name} ${what}`);
  }
  const row: KindRow<AsyncDisposable> = KINDS[kind];
  const settings = settingsOf(options, kind);
  const source = sourceOf(texts, options, kind, out);
  const inputs = [options.input, name].filter((input) => input !== undefined);
  await using place =
    options.out === undefined ? null : await FilePlace.take(options.out, { inputs });
  const total = source.isRepeatable ? await countTexts(source) : null;
  const load = { lanes: options.threads, maxTokens: options.maxTokens, signal: out.signal };
  await using model = await row.load(name, given({ ...load, ...(await onnxOptions(options)) }));
  const output: TextOutput =
    place === null
      ? outputTo(surroundings.stdout, out.signal)
      : async (text) => void (await place.file.appendFile(text));
  const { names } = row.predictor;
  const writers = {
    jsonl: () => jsonlPredictions(output, names),
    csv: () => csvPredictions(output, names, sheet),
  };
  const isDocument = place === null && out.isJson;
  const writer = isDocument
    ? jsonPredictions(output, names, { model: name, task: kind })
    : writers[format]();
  // No progress bar while result lines go to the same terminal.
  const isSeen = place === null && surroundings.stdout.isTTY === true;
  const job = { row, model, source, total: isSeen ? 0 : total, settings, out };
  const start = performance.now();
  if (options.out === undefined || place === null) {
    await predictAll(job, writer);
    return;
  }
  const path = options.out;
  const rows = await predictAll(job, writer).catch((error: unknown) => {
    throw fileError(error, path);
  });
  await place.place();
  const ms = performance.now() - start;
  out.print(`${formatNumber(rows)} predictions written to ${path} in ${formatDuration(ms)}\n`);
  out.json({ rows, task: kind, out: path, format, seconds: ms / 1000 });
}

interface PredictJob {
  readonly row: KindRow<AsyncDisposable>;
  readonly model: AsyncDisposable;
  readonly source: TextSource;
  /** Number of texts; null where it is unknown. */
  readonly total: number | null;
  readonly settings: KindSettings;
  readonly out: Console;
}

async function predictAll(job: PredictJob, writer: PredictionWriter): Promise<number> {
  const { row, model, source, total, settings, out } = job;
  const isLong = total === null || total > FEW_TEXTS;
  const progress = isLong ? out.progress('predicting', total, 'texts') : null;
  const { signal } = out;
  const group = source.isRepeatable ? inChunks : asTheyCome;
  let [rows, cut] = [0, 0];
  try {
    for await (const inputs of group(source.open(), GROUP_TEXTS)) {
      const found = await row.predictor
        .predict(model, inputs, { ...settings, signal })
        .catch((error: unknown) => {
          throw placed(error, source, rows);
        });
      await writer.write(inputs, found);
      rows += inputs.length;
      cut += found.filter(({ truncated }) => truncated === true).length;
      progress?.update(rows);
    }
    await writer.finish();
  } catch (error) {
    progress?.stop();
    throw error;
  }
  progress?.finish(`${formatNumber(rows)} texts`);
  if (cut > 0) {
    const more = row.predictor.takes.includes('windows') ? '; --windows reads all of them' : '';
    out.note(`${formatNumber(cut)} texts were longer than the model reads and were cut${more}`);
  }
  return rows;
}

/** Replaces the index within the group, by which an error names a text, by its number among all texts. */
function placed(error: unknown, source: TextSource, first: number): unknown {
  if (error instanceof TypeError || error instanceof RangeError) {
    error.message = error.message.replace(
      /^\w+: texts\[(\d+)\]/,
      (_, index: string) => `${source.name}: text ${formatNumber(first + Number(index) + 1)}`,
    );
  }
  return error;
}

/** The texts, or pairs, in the form that the kind of model takes. */
function sourceOf(
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

async function* onlyPairs(source: TextSource, first: string): AsyncGenerator<TextInput> {
  for await (const input of source.open()) {
    if (typeof input !== 'string') yield input;
    else {
      const how = source.name === 'arguments' ? '--pair TEXT' : 'a file, and --pair-column NAME';
      throw usageMistake(`each ${first} needs a second text: give it with ${how}`);
    }
  }
}

/** The prediction options given. A usage mistake for one that the kind does not take. */
function settingsOf(options: PredictCommandOptions, kind: Kind): KindSettings {
  const { topK, allScores, threshold, windows, aggregation, allowNoAnswer } = options;
  const asked = given({ topK, allScores, threshold, windows, aggregation, allowNoAnswer });
  const takes: readonly string[] = KINDS[kind].predictor.takes;
  const wrong = Object.keys(asked).find((name) => !takes.includes(name));
  if (wrong === undefined) return asked;
  const flag = `--${wrong.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  throw usageMistake(`${flag} means nothing to ${options.model}, which is for ${kind}`);
}

function formatFor({ format, out, json }: PredictCommandOptions): PredictionFormat {
  const ending = out === undefined ? '' : extname(out).slice(1).toLowerCase();
  const chosen = format ?? PREDICTION_FORMATS.find((known) => known === ending);
  if (chosen === undefined && out !== undefined) {
    throw usageMistake('--out is not a .jsonl or .csv file; say which with --format');
  }
  if (json === true && out === undefined && format !== undefined) {
    throw usageMistake('--json is one document: leave --format out');
  }
  return chosen ?? 'jsonl';
}
