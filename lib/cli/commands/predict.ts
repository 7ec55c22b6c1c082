/**
 * `sinter predict`: predicts texts with any model that has a head, one line for each text, as they come.
 */
import { type Command, Option } from 'commander';
import type { BulkProgress } from '../../bulk/partial-file.js';
import { SinterError } from '../../core/errors.js';
import { isJsonObject, type JsonValue } from '../../core/json.js';
import { formatNumber } from '../../core/units.js';
import type { SpreadsheetOptions } from '../../data/index.js';
import type { AdaptedModel } from '../../models/adapted-model.js';
import type { KindSettings } from '../../models/kind-predictions.js';
import { KIND_NAMES, KINDS, type KindRow } from '../../models/kinds.js';
import type { AdapterOption } from '../../runtime/predict-options.js';
import {
  given,
  spreadsheetOf,
  usageMistake,
  wholeNumber,
  withCommon,
  withData,
  withModel,
  withResume,
  withSpreadsheet,
  withThreads,
} from '../arguments.js';
import { Console, type Surroundings } from '../context.js';
import { taskOfModel } from '../model-task.js';
import { loadAdapter, onnxOptions } from '../open-model.js';
import { formatFor, type PredictCommandOptions, settingsOf, sourceOf } from '../predict-options.js';
import { withPredictions } from '../prediction-flags.js';
import {
  csvPredictions,
  jsonlPredictions,
  jsonPredictions,
  type Names,
  PREDICTION_FORMATS,
  type PredictionFormat,
  type PredictionWriter,
} from '../prediction-writers.js';
import { ResultPlace } from '../result-place.js';
import { eachGroup } from '../text-job.js';
import type { TextSource } from '../text-source.js';

/** Texts predicted at a time; the results of one group are in memory. */
const GROUP_TEXTS = 1024;

export function addPredict(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('predict')
    .summary('say what a trained model makes of texts')
    .description(
      'Predicts labels, numbers, entities, answers, scores of pairs or masked tokens, whatever the model is for: a line ' +
        'for each text, in their order. Texts come from the command line, a data file (.csv, .tsv, .jsonl, .parquet), or one ' +
        'a line from a .txt file or stdin (--input -). With --data-format, stdin holds rows: pairs too. A file may be ' +
        'larger than the memory.',
    )
    .argument('[texts...]', 'texts')
    .option('-m, --model <dir>', 'model folder, ONNX file or id')
    .option('--adapter <dir>', 'run this adapter beside the model, with its own head and labels')
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
    );
  withPredictions(command)
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
  $ sinter predict --model my-model --input mails.jsonl --out labels.parquet --resume
  $ sinter predict --model my-qa "who wrote it?" --pair "The book was written by Ann."
  $ sinter predict --model my-base --adapter my-adapter "I lost my card"
  $ tail -f app.log | sinter predict --model my-model --input - > labels.jsonl
  $ sinter predict --model my-ranker --input - --data-format jsonl < pairs.jsonl
`,
    )
    .action((texts: string[], options: PredictCommandOptions) =>
      predict(texts, options, surroundings),
    );
  withCommon(withThreads(withModel(withData(withResume(withSpreadsheet(command)), ['pair']))));
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
  const row: KindRow<AdaptedModel> = KINDS[kind];
  const settings = settingsOf(options, kind);
  const source = sourceOf(texts, options, kind, out);
  await using place = await ResultPlace.take(options, surroundings);
  const total = await place.totalOf(source);
  const load = { lanes: options.threads, maxTokens: options.maxTokens, signal: out.signal };
  await using model = await row.load(name, given({ ...load, ...(await onnxOptions(options)) }));
  const beside = await loadAdapter(model, options.adapter, out.signal);
  await place.begin(total, () => subjectOf(model, { ...options, format, task: kind }, out));
  const all = { ...settings, ...beside };
  const writer =
    place.path === null && out.isJson
      ? jsonPredictions(place.output, row.predictor.names, { model: name, task: kind })
      : await writerFor(format, place, { names: row.predictor.names, sheet });
  const job = { row, model, source, place, total, settings: all, out };
  const work = () => predictAll(job, writer);
  await place.finish(work, { what: 'predictions', json: { task: kind, format }, out });
}

/** What a resumed run must have in common with the ones before. */
async function subjectOf(model: AdaptedModel, options: PredictCommandOptions, { signal }: Console) {
  const { subjectOf } = await import('../job-subject.js');
  return subjectOf({ command: 'predict', model, adapter: options.adapter, options, signal });
}

async function writerFor(
  format: PredictionFormat,
  { file, output, before }: ResultPlace,
  { names, sheet }: { readonly names: Names; readonly sheet: SpreadsheetOptions },
): Promise<PredictionWriter> {
  const earlier = { ...before, notes: notesOf(before).map(({ own }) => own) };
  if (format === 'csv') return csvPredictions(output, names, sheet, earlier);
  // Parquet needs a file, which formatFor has made sure of.
  if (format === 'jsonl' || file === null) return jsonlPredictions(output, names);
  return (await import('../parquet-writers.js')).parquetPredictions(file, names, earlier);
}

/** What a later run has to know: the number of cut texts so far, and the note of the writer. */
interface Note {
  readonly cut: number;
  readonly own: JsonValue;
}

function notesOf({ notes }: BulkProgress): Note[] {
  return notes.map((note) => {
    if (isJsonObject(note) && typeof note.cut === 'number' && note.own !== undefined) {
      return { cut: note.cut, own: note.own };
    }
    throw new SinterError('INVALID_DATA', 'the journal of the job is damaged: a note is missing');
  });
}

interface PredictJob {
  readonly row: KindRow<AdaptedModel>;
  readonly model: AdaptedModel;
  readonly source: TextSource;
  readonly place: ResultPlace;
  /** Number of texts; null where it is unknown. */
  readonly total: number | null;
  readonly settings: KindSettings & AdapterOption;
  readonly out: Console;
}

async function predictAll(job: PredictJob, writer: PredictionWriter): Promise<number> {
  const { row, model, source, place, total, settings, out } = job;
  const { signal } = out;
  let cut = notesOf(place.before).at(-1)?.cut ?? 0;
  const texts = { label: 'predicting', source, place, total, groupTexts: GROUP_TEXTS, out };
  const rows = await eachGroup(texts, async (inputs, first) => {
    const found = await row.predictor
      .predict(model, inputs, { ...settings, signal })
      .catch((error: unknown) => {
        throw placed(error, source, first);
      });
    const own = await writer.write(inputs, found);
    cut += found.filter(({ truncated }) => truncated === true).length;
    return { cut, own };
  });
  await writer.finish();
  if (cut > 0) {
    const more = row.predictor.takes.includes('windows') ? '; --windows reads all of them' : '';
    out.warn(`${formatNumber(cut)} texts were longer than the model reads and were cut${more}`);
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
