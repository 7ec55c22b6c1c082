/**
 * `sinter embed`: texts to vectors, as JSONL, CSV, .npy or Parquet.
 */
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import type { SpreadsheetOptions } from '../../data/index.js';
import { Encoder } from '../../models/encoder.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  readOptionsOf,
  spreadsheetOf,
  usageMistake,
  wholeNumber,
  withData,
  withEngine,
  withResume,
  withSpreadsheet,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { loadAdapter, modelOptions, modelPath } from '../open-model.js';
import { ResultPlace } from '../result-place.js';
import { eachGroup } from '../text-job.js';
import { textSource } from '../text-source.js';
import {
  csvWriter,
  jsonlWriter,
  jsonVectors,
  npyWriter,
  VECTOR_FORMATS,
  type VectorFormat,
  type VectorWriter,
} from '../vector-writers.js';

interface EmbedOptions extends CommonOptions, DataOptions, ModelOptions, SpreadsheetOptions {
  readonly adapter?: string;
  readonly model?: string;
  readonly input?: string;
  readonly out?: string;
  readonly format?: VectorFormat;
  readonly normalize?: boolean;
  readonly dimensions?: number;
  readonly maxTokens?: number;
  readonly threads?: number;
  readonly resume?: boolean;
}

/** Texts embedded at a time: vectors of one group are in memory. */
const GROUP_TEXTS = 4096;

export function addEmbed(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('embed')
    .summary('turn texts into vectors')
    .description(
      'Turns texts into vectors. Texts come from the command line, a data file (.csv, .tsv, .jsonl, .parquet), ' +
        'or one a line from a .txt file or stdin (--input -). A file may be larger than the memory.',
    )
    .argument('[texts...]', 'texts to embed')
    .option('-m, --model <dir>', 'model folder (default: the embedded all-MiniLM-L6-v2)')
    .option('--adapter <dir>', 'run this adapter beside the encoder')
    .option('-i, --input <file>', 'file of texts, or - for stdin')
    .option('-o, --out <file>', 'file to write (default: stdout)')
    .addOption(
      new Option(
        '--format <kind>',
        'form of the result (default: by the ending of --out, or jsonl)',
      ).choices(VECTOR_FORMATS),
    )
    .option('--no-normalize', 'keep the length of the vectors')
    .option('--dimensions <n>', 'keep this many numbers of each vector', wholeNumber(1))
    .option('--max-tokens <n>', 'cut texts to this many tokens', wholeNumber(3))
    .addHelpText(
      'after',
      `
Examples:
  $ sinter embed "a red car" "a fast car"
  $ sinter embed --input reviews.csv --text-column body --out vectors.npy
  $ sinter embed --input reviews.parquet --out vectors.parquet --resume
  $ cat queries.txt | sinter embed --input - --format csv > vectors.csv
`,
    )
    .action((texts: string[], options: EmbedOptions) => embed(texts, options, surroundings));
  withResume(withSpreadsheet(command));
  withEngine(withData(command, ['pair']));
}

async function embed(
  texts: readonly string[],
  options: EmbedOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const format = formatFor(options);
  const isDocument = options.json === true && options.out === undefined;
  const sheet = spreadsheetOf(options, format === 'csv' && !isDocument, 'CSV');
  const source = textSource({
    texts,
    input: options.input,
    read: { ...readOptionsOf(options), labels: 'none', signal: out.signal },
    onColumns: (columns) => out.noteColumns(columns),
    onSource: (source) => out.noteSource(source),
  });
  const { model } = options;
  await using place = await ResultPlace.take(options, surroundings);
  const total = await place.totalOf(source);
  await using encoder = await Encoder.load(
    await modelPath(model),
    given({
      lanes: options.threads,
      maxTokens: options.maxTokens,
      ...(options.normalize === false && { normalize: false }),
      ...(await modelOptions(options)),
      signal: out.signal,
    }),
  );
  const beside = await loadAdapter(encoder, options.adapter, out.signal);
  const width = options.dimensions ?? encoder.dimensions;
  await place.begin(total, () => subjectOf(encoder, { ...options, format }, out));
  await place.needs(total ?? 0, BYTES_OF_NUMBER * width);
  const run = given({ signal: out.signal, dimensions: options.dimensions, ...beside });
  const writer = isDocument
    ? jsonVectors(place.output, { model: model ?? null })
    : await writerFor(format, place, sheet);
  const job = { label: 'embedding', source, place, total, groupTexts: GROUP_TEXTS, out };
  const work = async () => {
    const rows = await eachGroup(job, async (inputs) =>
      writer.write(inputs, await encoder.embed(inputs, run)),
    );
    await writer.finish();
    return rows;
  };
  await place.finish(work, { what: 'vectors', json: { format }, out });
}

/** What a resumed run must have in common with the ones before. */
async function subjectOf(model: Encoder, options: EmbedOptions, { signal }: Console) {
  const { subjectOf } = await import('../job-subject.js');
  return subjectOf({ command: 'embed', model, adapter: options.adapter, options, signal });
}

/** Least bytes per number in a file: exact for .npy, fewer than needed for text formats. */
const BYTES_OF_NUMBER = 4;

async function writerFor(
  format: VectorFormat,
  { file, output, before }: ResultPlace,
  sheet: SpreadsheetOptions,
): Promise<VectorWriter> {
  if (format === 'csv') return csvWriter(output, sheet, before);
  // The binary formats need a file, which formatFor has made sure of.
  if (format === 'jsonl' || file === null) return jsonlWriter(output);
  if (format === 'npy') return npyWriter(file, before);
  return (await import('../parquet-writers.js')).parquetVectors(file, before);
}

function formatFor({ format, out }: EmbedOptions): VectorFormat {
  const ending = out === undefined ? '' : extname(out).slice(1).toLowerCase();
  const chosen = format ?? VECTOR_FORMATS.find((known) => known === ending);
  if (chosen === undefined && out !== undefined) {
    const what = '--out is not a .jsonl, .csv, .npy or .parquet file; say which with --format';
    throw usageMistake(what);
  }
  if ((chosen === 'npy' || chosen === 'parquet') && out === undefined) {
    throw usageMistake(`${chosen} is binary: give --out FILE`);
  }
  return chosen ?? 'jsonl';
}
