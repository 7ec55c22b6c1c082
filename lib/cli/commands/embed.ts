/**
 * `sinter embed`: texts to vectors, as JSONL, CSV or .npy.
 */
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import { formatDuration, formatNumber } from '../../core/units.js';
import type { SpreadsheetOptions } from '../../data/index.js';
import { FilePlace, fileError } from '../../files/index.js';
import { Encoder } from '../../models/encoder.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  readOptionsOf,
  spreadsheetOf,
  usageMistake,
  wholeNumber,
  withCommon,
  withData,
  withModel,
  withPooling,
  withSpreadsheet,
  withThreads,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { modelOptions, modelPath } from '../open-model.js';
import { outputTo, type TextOutput } from '../text-output.js';
import { countTexts, inChunks, type TextSource, textSource } from '../text-source.js';
import {
  csvWriter,
  jsonlWriter,
  npyWriter,
  shortFloat,
  VECTOR_FORMATS,
  type VectorFormat,
  type VectorWriter,
} from '../vector-writers.js';

interface EmbedOptions extends CommonOptions, DataOptions, ModelOptions, SpreadsheetOptions {
  readonly model?: string;
  readonly input?: string;
  readonly out?: string;
  readonly format?: VectorFormat;
  readonly normalize?: boolean;
  readonly maxTokens?: number;
  readonly threads?: number;
}

/** Texts embedded at a time: vectors of one chunk are in memory. */
const CHUNK_TEXTS = 4096;

export function addEmbed(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('embed')
    .summary('turn texts into vectors')
    .description(
      'Turns texts into vectors. Texts come from the command line, a data file (.csv, .tsv, .jsonl), ' +
        'or one a line from a .txt file or stdin (--input -).',
    )
    .argument('[texts...]', 'texts to embed')
    .option('-m, --model <dir>', 'model folder (default: the embedded all-MiniLM-L6-v2)')
    .option('-i, --input <file>', 'file of texts, or - for stdin')
    .option('-o, --out <file>', 'file to write (default: stdout)')
    .addOption(
      new Option(
        '--format <kind>',
        'form of the result (default: by the ending of --out, or jsonl)',
      ).choices(VECTOR_FORMATS),
    )
    .option('--no-normalize', 'keep the length of the vectors')
    .option('--max-tokens <n>', 'cut texts to this many tokens', wholeNumber(3))
    .addHelpText(
      'after',
      `
Examples:
  $ sinter embed "a red car" "a fast car"
  $ sinter embed --input reviews.csv --text-column body --out vectors.npy
  $ cat queries.txt | sinter embed --input - --format csv > vectors.csv
`,
    )
    .action((texts: string[], options: EmbedOptions) => embed(texts, options, surroundings));
  withCommon(withThreads(withPooling(withModel(withData(withSpreadsheet(command), ['pair'])))));
}

async function embed(
  texts: readonly string[],
  options: EmbedOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const format = formatFor(options);
  const sheet = spreadsheetOf(options, format === 'csv' && options.json !== true, 'CSV');
  const source = textSource({
    texts,
    input: options.input,
    read: { ...readOptionsOf(options), labels: 'none', signal: out.signal },
    onColumns: (columns) => out.noteColumns(columns),
    onSource: (source) => out.noteSource(source),
  });
  const inputs = [options.input, options.model].filter((input) => input !== undefined);
  await using place =
    options.out === undefined ? null : await FilePlace.take(options.out, { inputs });
  const total = source.isRepeatable ? await countTexts(source) : null;
  await using encoder = await Encoder.load(
    await modelPath(options.model),
    given({
      lanes: options.threads,
      maxTokens: options.maxTokens,
      ...(options.normalize === false && { normalize: false }),
      ...(await modelOptions(options)),
      signal: out.signal,
    }),
  );
  const job = { encoder, source, total, out };
  if (options.out !== undefined && place !== null) {
    await embedToFile(job, options.out, place, format, sheet);
  } else if (out.isJson) {
    const rows: object[] = [];
    await embedAll(job, {
      write: async (inputs, vectors) => {
        inputs.forEach((text, i) => {
          rows.push({ text, embedding: Array.from(vectors.row(i), shortFloat) });
        });
      },
      finish: async () => {},
    });
    out.json({ model: options.model ?? null, rows });
  } else {
    const output = outputTo(surroundings.stdout, out.signal);
    await embedAll(job, format === 'csv' ? csvWriter(output, sheet) : jsonlWriter(output));
  }
}

interface EmbedJob {
  readonly encoder: Encoder;
  readonly source: TextSource;
  readonly total: number | null;
  readonly out: Console;
}

/** Least bytes per number in a file: exact for .npy, fewer than needed for text formats. */
const BYTES_OF_NUMBER = 4;

async function embedToFile(
  job: EmbedJob,
  path: string,
  place: FilePlace,
  format: VectorFormat,
  sheet: SpreadsheetOptions,
): Promise<void> {
  const start = performance.now();
  const numbers = (job.total ?? 0) * job.encoder.dimensions;
  await place.needs({ total: BYTES_OF_NUMBER * numbers });
  const { file } = place;
  const output: TextOutput = async (text) => void (await file.appendFile(text));
  const writers = {
    jsonl: () => jsonlWriter(output),
    csv: () => csvWriter(output, sheet),
    npy: () => npyWriter(file),
  };
  const rows = await embedAll(job, writers[format]()).catch((error: unknown) => {
    throw fileError(error, path);
  });
  await place.place();
  const ms = performance.now() - start;
  job.out.print(`${formatNumber(rows)} vectors written to ${path} in ${formatDuration(ms)}\n`);
  job.out.json({ rows, out: path, format, seconds: ms / 1000 });
}

async function embedAll(job: EmbedJob, writer: VectorWriter): Promise<number> {
  const { encoder, source, total, out } = job;
  const isLong = total === null || total > 256;
  const progress = isLong && total !== null ? out.progress('embedding', total, 'texts') : null;
  let rows = 0;
  try {
    for await (const chunk of inChunks(source.open(), CHUNK_TEXTS)) {
      await writer.write(chunk, await encoder.embed(chunk, { signal: out.signal }));
      rows += chunk.length;
      progress?.update(rows);
    }
    await writer.finish();
  } catch (error) {
    progress?.stop();
    throw error;
  }
  progress?.finish(`${formatNumber(rows)} texts`);
  return rows;
}

function formatFor({ format, out }: EmbedOptions): VectorFormat {
  const ending = out === undefined ? '' : extname(out).slice(1).toLowerCase();
  const chosen = format ?? VECTOR_FORMATS.find((known) => known === ending);
  if (chosen === undefined && out !== undefined) {
    throw usageMistake('--out is not a .jsonl, .csv or .npy file; say which with --format');
  }
  if (chosen === 'npy' && out === undefined) throw usageMistake('npy is binary: give --out FILE');
  return chosen ?? 'jsonl';
}
