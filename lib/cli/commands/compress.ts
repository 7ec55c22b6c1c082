/**
 * `sinter compress`: the smallest or fastest form of a model that keeps its quality, with the evidence.
 *
 * The rule: a model that fails the gate is not written, and the exit code says so; the report is written in both cases, because it
 * shows why.
 */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { jsonObjectOf } from '../../core/json.js';
import { formatDuration } from '../../core/units.js';
import {
  COMPRESS_METHODS,
  type CompressMethod,
  type CompressTarget,
  LOW_RANK_WEIGHTINGS,
  type LowRankForm,
  STUDENT_SIZES,
  type StudentSizes,
} from '../../models/compression/options.js';
import type { CompressProgress } from '../../models/compression/progress.js';
import type { CompressionReport } from '../../models/compression/report.js';
import type { Kind } from '../../models/kinds.js';
import {
  type DataOptions,
  given,
  type ModelOptions,
  positiveNumber,
  realNumber,
  wholeNumber,
  withEngine,
  withRows,
} from '../arguments.js';
import { writeCompression } from '../compress-files.js';
import { compressRows, openCompressible } from '../compress-rows.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { DataFiles, withPlaces } from '../data-files.js';
import { GateFailure } from '../exit-codes.js';
import { HEAD_TASKS } from '../head-tasks.js';
import { OutFolder } from '../out-folder.js';

interface CompressFlags extends CommonOptions, DataOptions, ModelOptions {
  readonly data: string;
  readonly eval?: string;
  readonly choice?: string;
  readonly unlabelled?: string;
  readonly out: string;
  readonly task?: Kind | 'embedding';
  readonly student?: StudentSizes;
  readonly lowRank?: LowRankForm;
  readonly method: readonly CompressMethod[] | 'auto';
  readonly targetSpeedup?: number;
  readonly targetLatency?: number;
  readonly latencyTokens?: number;
  readonly targetSize?: number;
  readonly maxDrop: number;
  readonly strict?: boolean;
  readonly epochs?: number;
  readonly learningRate?: number;
  readonly batchSize?: number;
  readonly seed: number;
  readonly budgetMinutes?: number;
  readonly work?: string;
  readonly latencyFrom?: string;
  readonly allowOverlap?: boolean;
  readonly threads?: number;
  readonly onnx?: boolean;
  readonly overwrite?: boolean;
}

const EXAMPLES = `
Examples:
  $ sinter compress my-model --data rows.csv --max-drop 0.01 --out my-model-small
  $ sinter compress my-model --data rows.csv --eval test.csv --target-speedup 6 --out my-model-small
  $ sinter compress my-model --data rows.csv --method vocabulary,quantize --out my-model-small
  $ sinter compress my-model --data rows.csv --student layers=3,heads=6 --out my-model-small
  $ sinter compress my-model --data rows.csv --low-rank auto --out my-model-small
  $ sinter compress my-encoder --data sentences.csv --target-size 8MB --out my-encoder-small
`;

export function addCompress(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('compress')
    .summary('make the smallest, fastest model that keeps its quality, with proof')
    .description(
      'Searches for a smaller form of a model: fewer tokens, layers, heads and neurons, trained again with the original as ' +
        'its teacher, and int8. Judges it on rows that were used for no choice, and writes the model, its ONNX form, ' +
        'report.html and report.json. A model that loses more than --max-drop is not written.',
    )
    .argument('<model>', 'model folder or ONNX file')
    .requiredOption('--data <file>', 'rows to learn from; texts alone where there are no labels')
    .requiredOption('-o, --out <dir>', 'folder to write')
    .option(
      '--eval <file>',
      'rows for the verdict, on which the original was not trained (default: 15 % of --data)',
    )
    .option(
      '--choice <file>',
      'rows by which candidates are compared (default: a third of --eval, or a tenth of --data)',
    )
    .option('--unlabelled <file>', 'more texts to distil on')
    .addOption(
      new Option(
        '--task <kind>',
        'what the model is for, where its config.json does not say',
      ).choices([
        'classification',
        ...HEAD_TASKS.filter((task) => task !== 'masked-lm'),
        'embedding',
      ]),
    )
    .addOption(
      new Option(
        '--method <list>',
        `what may be done: auto, or some of ${COMPRESS_METHODS.join(', ')}`,
      )
        .argParser(methods)
        .default('auto'),
    )
    .option(
      '--student <sizes>',
      `train this form in place of a search, as in layers=3,heads=6; there are ${SIZE_NAMES.join(', ')}`,
      studentSizes,
    )
    .option(
      '--low-rank <form>',
      'make products two thin ones where these are faster, in place of a search: auto, or rank=64; weighting=none ignores the texts',
      lowRankForm,
    );
  withTargets(command);
  withTraining(command);
  command
    .option('--no-onnx', 'write no ONNX file')
    .option('--overwrite', 'replace a model folder that is there')
    .addHelpText('after', EXAMPLES)
    .action((model: string, flags: CompressFlags) => compress(model, flags, surroundings));
  withEngine(withRows(command, ['pair', 'label']));
}

function withTargets(command: Command): void {
  command
    .option(
      '--target-speedup <x>',
      'times as fast as the original in f32 on this machine (default: as fast as --max-drop allows)',
      realNumber('a number from 1', (value) => value >= 1),
    )
    .option(
      '--target-latency <ms>',
      'milliseconds for one text of --latency-tokens',
      positiveNumber,
    )
    .option('--latency-tokens <n>', 'with --target-latency (default: 32)', wholeNumber(3))
    .option('--target-size <bytes>', 'of the weights in a file: 8MB, 8000000', bytes)
    .option(
      '--max-drop <x>',
      'how much of the score may be lost: 0.01 is a point',
      realNumber('a number from 0, below 1', (value) => value >= 0 && value < 1),
      0.01,
    )
    .option('--strict', 'the upper end of the interval of the drop must be within --max-drop too');
}

function withTraining(command: Command): void {
  command
    .option(
      '--epochs <n>',
      'passes over the rows for the final candidates (default: 6)',
      wholeNumber(1),
    )
    .option('--learning-rate <x>', 'peak learning rate (default: 3e-4)', positiveNumber)
    .option('--batch-size <n>', 'texts per step (default: 32)', wholeNumber(1))
    .option('--seed <n>', 'of every choice', wholeNumber(0), 42)
    .option(
      '--budget-minutes <n>',
      'end with the best model so far after this time',
      positiveNumber,
    )
    .option('--work <dir>', 'keep finished stages here, and go on from them after an interruption')
    .option(
      '--latency-from <file>',
      'the latency table of an earlier report.json, not a measurement',
    )
    .option('--allow-overlap', 'texts of --eval may be in --data too');
}

function methods(text: string): readonly CompressMethod[] | 'auto' {
  if (text === 'auto') return text;
  const names = text.split(',').map((name) => name.trim());
  const isKnown = (name: string) => (COMPRESS_METHODS as readonly string[]).includes(name);
  if (names.every(isKnown)) return names as CompressMethod[];
  throw new InvalidArgumentError(`It must be auto, or some of ${COMPRESS_METHODS.join(', ')}.`);
}

const SIZE_NAMES = Object.keys(STUDENT_SIZES);

function studentSizes(text: string): StudentSizes {
  const sizes = text.split(',').map((part) => {
    const [, name = '', size = ''] = /^\s*(\w+)\s*=\s*(\d+)\s*$/.exec(part) ?? [];
    if (SIZE_NAMES.includes(name) && Number(size) >= 1) return [name, Number(size)] as const;
    throw new InvalidArgumentError(
      `It must be sizes such as layers=3,embeddingSize=128; the names are ${SIZE_NAMES.join(', ')}.`,
    );
  });
  return Object.fromEntries(sizes);
}

function lowRankForm(text: string): LowRankForm {
  if (text === 'auto') return {};
  const parts = text.split(',').map((part) => {
    const [, name = '', value = ''] = /^\s*(\w+)\s*=\s*(\w+)\s*$/.exec(part) ?? [];
    if (name === 'rank' && /^\d+$/.test(value) && Number(value) >= 1)
      return { rank: Number(value) };
    const weighting = LOW_RANK_WEIGHTINGS.find((one) => one === value);
    if (name === 'weighting' && weighting !== undefined) return { weighting };
    throw new InvalidArgumentError(
      `It must be auto, or such as rank=64,weighting=${LOW_RANK_WEIGHTINGS.join('|')}.`,
    );
  });
  return Object.assign({}, ...parts);
}

const UNITS: Readonly<Record<string, number>> = { '': 1, KB: 1e3, MB: 1e6, GB: 1e9 };

function bytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMG]B)?$/i.exec(text.trim()) ?? [];
  const value = Math.round(Number(number) * (UNITS[unit.toUpperCase()] ?? Number.NaN));
  if (number !== '' && value >= 1) return value;
  throw new InvalidArgumentError('It must be a number of bytes: 8000000, 8MB.');
}

async function compress(
  path: string,
  flags: CompressFlags,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, flags);
  if (flags.latencyTokens !== undefined && flags.targetLatency === undefined)
    throw new InvalidArgumentError('--latency-tokens needs --target-latency');
  await using place = await OutFolder.take({
    ...flags,
    inputs: [path, flags.data, flags.eval, flags.choice, flags.unlabelled],
  });
  const files = new DataFiles(flags, out);
  await using opened = await openCompressible(path, flags, out.signal);
  const rows = await compressRows(opened, flags, files);
  if (files.isReport) return files.report();
  const progress = out.progress('compressing', 1000);
  const { method } = flags;
  const options = {
    ...rows,
    ...given({
      ...{ epochs: flags.epochs, learningRate: flags.learningRate, batchSize: flags.batchSize },
      ...{ budgetMinutes: flags.budgetMinutes, workFolder: flags.work },
      ...{ student: flags.student, lowRank: flags.lowRank },
      latency: await latencyFrom(flags.latencyFrom),
    }),
    ...{ target: targetOf(flags), maxDrop: flags.maxDrop, seed: flags.seed },
    ...{ strict: flags.strict === true, allowOverlap: flags.allowOverlap === true },
    ...(method !== 'auto' && { methods: method }),
    signal: out.signal,
    onProgress: ({ message, total, secondsLeft }: CompressProgress) => {
      const left = secondsLeft === null ? '' : `, about ${formatDuration(1000 * secondsLeft)} left`;
      progress.log(`  ${message}`);
      progress.update(Math.min(999, Math.round(1000 * total)), left);
    },
  };
  const places = { rows: rows.rows as readonly object[], eval: rows.eval as readonly object[] };
  const found = await withPlaces(places, () => opened.model.compress(options as never)).finally(
    () => progress.finish(),
  );
  await using small = found.model;
  const { report, page } = await writeCompression(
    {
      ...{ small, original: opened.model, report: found.report, place, out: flags.out },
      ...{ rows: rows.eval ?? rows.rows, onnx: flags.onnx !== false, seed: flags.seed },
      args: surroundings.args,
    },
    out,
  );
  out.json(report.data);
  for (const warning of report.verdict.warnings) out.warn(warning);
  if (report.data.isCutShort)
    out.warn('the time was over before the search had ended: this is the best form so far');
  if (!report.verdict.passes) {
    const passed = wouldPass(report, flags.maxDrop);
    throw new GateFailure(
      `${flags.out} was not written: ${report.verdict.reason}${passed}; the evidence is in ${page}`,
    );
  }
  out.say(`${path} compressed on the rows of ${flags.data}: ${report.summary}`, {
    keepsWords: true,
  });
  out.print(`written to ${flags.out}, report in ${page}\n`);
}

/** What lost less on the rows by which candidates were compared. */
function wouldPass({ data }: CompressionReport, maxDrop: number): string {
  // What was missed is a target, not the quality.
  if (data.verdict.drop <= data.verdict.allowedDrop) return '';
  const original = data.variants.find(({ role }) => role === 'original');
  const passing = data.variants.filter(
    ({ role, score }) => role === 'candidate' && (original?.score ?? 0) - (score ?? 0) <= maxDrop,
  );
  const speed = ({ tokensPerSecond = 0 }: { readonly tokensPerSecond?: number }) => tokensPerSecond;
  const best = passing.toSorted((a, b) => speed(b) - speed(a))[0];
  if (best === undefined) return '; no smaller form that was tried lost so little';
  const gain = speed(best) / (speed(original ?? {}) || 1);
  return `; ${best.name} lost less and is ${gain.toFixed(1)} times as fast as the original`;
}

/** The latency table of an earlier report. */
async function latencyFrom(file: string | undefined): Promise<object | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new InvalidArgumentError(`--latency-from: ${error.message}`);
  });
  const found = jsonObjectOf(text)?.latency;
  if (typeof found === 'object' && found !== null) return found;
  throw new InvalidArgumentError(`--latency-from: ${file} has no latency table`);
}

function targetOf(flags: CompressFlags): CompressTarget {
  return given({
    speedup: flags.targetSpeedup,
    latencyMs: flags.targetLatency,
    tokens: flags.latencyTokens,
    bytes: flags.targetSize,
  });
}
