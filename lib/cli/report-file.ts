/**
 * `--report FILE.html` of `train` and `evaluate`: writes the findings of a run as one page.
 *
 * The rule: its place is checked before the work begins; the charts are loaded only where a report is asked for.
 */
import type { Command } from 'commander';
import { packageVersion } from '../core/package-files.js';
import { formatDuration, formatNumber, nameInWords } from '../core/units.js';
import { checkFile, saveFile } from '../files/index.js';
import type { ClassificationReport, ReliabilityBin } from '../metrics/index.js';
import type { Evaluation, ReportData, SummaryCard } from '../report/index.js';
import type { TrainReport } from '../train/train-report.js';
import type { Console } from './context.js';
import { machine } from './machine.js';

export interface ReportOptions {
  /** --report. */
  readonly report?: string;
  readonly seed?: number;
}

export function withReport(command: Command): Command {
  return command.option('--report <file>', 'write what was found as an HTML page');
}

/** Throws where the page can't be written. */
export async function checkReport(
  { report }: ReportOptions,
  inputs: readonly (string | undefined)[],
): Promise<void> {
  if (report === undefined) return;
  await checkFile(report, { inputs: inputs.filter((input) => input !== undefined) });
}

/** The command line that the page names, and where its place is told. */
export interface ReportRun {
  readonly args: readonly string[];
  readonly out: Console;
}

/** Writes the page where one was asked for. */
export async function writeReport(
  { report, seed }: ReportOptions,
  data: ReportData,
  { args, out }: ReportRun,
): Promise<void> {
  if (report === undefined) return;
  const { renderReport } = await import('../report/index.js');
  const { cpu, isa, threads } = machine();
  const date = `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const versions = { Sinter: packageVersion(), 'Node.js': process.version.slice(1) };
  const environment = {
    ...{ cpu, isa, threads, versions, date, command: ['sinter', ...args].join(' ') },
    ...(seed !== undefined && { seed }),
  };
  await saveFile(report, renderReport({ ...data, environment }));
  out.say(`report in ${report}`, { keepsWords: true });
}

/** The numbers of an evaluation as summary cards for the top of a page. */
export function scoreCards(scores: object): SummaryCard[] {
  return Object.entries(scores).flatMap(([name, value]) => {
    if (typeof value !== 'number' || Number.isNaN(value)) return [];
    const text = Number.isInteger(value) ? formatNumber(value) : value.toFixed(4);
    return [{ label: nameInWords(name), value: text }];
  });
}

/** The parts of a page that describe a training. */
export function trainingData(report: TrainReport<object>): Pick<ReportData, 'loss' | 'summary'> {
  const { steps, evaluations, rows, seconds, tokensPerSecond } = report;
  const scores = evaluations.at(-1)?.scores ?? null;
  return {
    summary: [
      ...(scores === null ? [] : scoreCards(scores)),
      { label: 'training rows', value: formatNumber(rows) },
      {
        label: 'time',
        value: formatDuration(seconds * 1000),
        detail: `${formatNumber(tokensPerSecond)} tokens/s`,
      },
    ],
    loss: { steps, evaluations: evaluationsOf(report) },
  };
}

/** Held-out scores of each evaluation, by its step. */
export function evaluationsOf({
  evaluations,
}: Pick<TrainReport<object>, 'evaluations'>): Evaluation[] {
  return evaluations.map(({ step, epoch, scores }) => {
    // Counts, of rows for example, are no scores.
    const isScore = (value: unknown) =>
      typeof value === 'number' && !(Number.isInteger(value) && value > 1);
    const numbers = Object.entries(scores).filter(([, value]) => isScore(value));
    const { loss, accuracy, ...others }: Record<string, number> = Object.fromEntries(numbers);
    const known = {
      ...(loss !== undefined && { loss }),
      ...(accuracy !== undefined && { accuracy }),
    };
    return { step, epoch, ...known, scores: others };
  });
}

/** Scores of each label, and how far probabilities can be believed, for the kinds of models that have them. */
export function labelScores(scores: object): Pick<ReportData, 'classification' | 'reliability'> {
  const { report, reliability } = scores as {
    readonly report?: ClassificationReport;
    readonly reliability?: readonly ReliabilityBin[];
  };
  return {
    ...(report !== undefined && { classification: report }),
    ...(reliability !== undefined && { reliability }),
  };
}
