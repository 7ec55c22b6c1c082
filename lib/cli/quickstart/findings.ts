/**
 * The findings of the quickstart, as written to quickstart.json and shown in report.html.
 */

import { formatNumber } from '../../core/units.js';
import { reportToDict } from '../../metrics/index.js';
import type { ReportData, VariantResult } from '../../report/index.js';
import type { Evaluation } from '../../tasks/text-classification/single-label.js';
import type { TrainReport } from '../../train/train-report.js';
import type { Comparison } from '../compare.js';
import { agreementLines } from '../compare-table.js';
import { evaluationsOf } from '../report-file.js';
import { type FileSizes, MODEL_FILES, type Neighbours } from './steps.js';

export interface Findings {
  readonly version: string;
  readonly date: string;
  readonly command: string;
  readonly seed: number;
  readonly cpu: string;
  readonly isa: string;
  readonly threads: number;
  readonly onnxruntime: string | null;
  readonly trainRows: number;
  readonly testRows: number;
  readonly neighbours: readonly Neighbours[];
  readonly training: TrainReport;
  readonly f32: Evaluation;
  readonly int8: Evaluation;
  readonly sizes: FileSizes;
  readonly comparison: Comparison;
  /** Of the whole run. */
  readonly seconds: number;
}

/** Share of rows on which both models predict the same label. */
export function agreementOf({ f32, int8 }: Pick<Findings, 'f32' | 'int8'>): number {
  const same = f32.predicted.filter((label, i) => label === int8.predicted[i]).length;
  return same / f32.rows;
}

/** The findings as plain numbers, for programs. */
export function findingsJson(findings: Findings): object {
  const { f32, int8, training, ...rest } = findings;
  const scores = ({ rows, loss, accuracy, macroF1, report }: Evaluation) => ({
    rows,
    loss,
    accuracy,
    macroF1,
    report: reportToDict(report),
  });
  return {
    ...rest,
    f32: scores(f32),
    int8: scores(int8),
    sameLabel: agreementOf(findings),
    training,
  };
}

/** The findings in the form that the report takes. */
export function reportData(findings: Findings): ReportData {
  const { f32, training, comparison } = findings;
  return {
    title: 'Intents of bank customers',
    subtitle:
      `all-MiniLM-L6-v2 fine-tuned on ${formatNumber(findings.trainRows)} rows of Banking77, ` +
      `${f32.confusion.labels.length} intents, tested on ${findings.testRows} other rows`,
    variants: variants(findings),
    loss: {
      steps: training.steps,
      evaluations: evaluationsOf(training),
    },
    confusion: f32.confusion,
    classification: f32.report,
    neighbours: findings.neighbours,
    environment: {
      cpu: findings.cpu,
      isa: findings.isa,
      threads: findings.threads,
      versions: {
        Sinter: findings.version,
        'Node.js': process.version.slice(1),
        ...(findings.onnxruntime !== null && { 'ONNX Runtime': findings.onnxruntime }),
      },
      command: findings.command,
      seed: findings.seed,
      date: findings.date,
    },
    notes: notes(findings, comparison),
  };
}

function variants({ f32, int8, sizes, comparison }: Findings): VariantResult[] {
  const accuracies: Record<string, number> = { f32: f32.accuracy, int8: int8.accuracy };
  const files = {
    sinter: { f32: MODEL_FILES.f32, int8: MODEL_FILES.int8 },
    onnxruntime: { f32: MODEL_FILES.f32Onnx, int8: MODEL_FILES.int8Onnx },
  };
  return comparison.speeds.map(({ engine, precision, tokensPerSecond }) => {
    const isPeer = engine === 'onnxruntime';
    const file = files[engine][precision === 'int8' ? 'int8' : 'f32'];
    const bytes = sizes[file];
    const accuracy = accuracies[precision];
    return {
      name: `${isPeer ? 'ONNX Runtime' : 'Sinter'} ${precision}`,
      precision,
      isPeer,
      tokensPerSecond,
      ...(bytes !== undefined && { bytes }),
      ...(!isPeer && accuracy !== undefined && { accuracy }),
    };
  });
}

function notes(findings: Findings, comparison: Comparison): string[] {
  const { texts, tokens, rounds, threads } = comparison;
  const share = (100 * agreementOf(findings)).toFixed(1);
  const speed =
    `Speed: ${formatNumber(texts)} test texts, ${formatNumber(tokens)} tokens, ${threads} threads, median of ${rounds} interleaved ` +
    'rounds, tokenization included.';
  const peers = comparison.speeds
    .filter(({ setting }) => setting !== undefined)
    .map(({ precision, setting }) => `${precision} ${setting}`);
  return [
    `f32 and int8 give the same label for ${share} % of the test rows.`,
    peers.length > 0
      ? `${speed} ONNX Runtime runs the exported files, sorted by length, with its fastest setting: ${peers.join('; ')}.`
      : speed,
    ...agreementLines(comparison, 'labels').map((line) => `Sinter against ONNX Runtime, ${line}.`),
    'The rows are a sample of Banking77 (Casanueva et al. 2020, PolyAI), CC BY 4.0.',
  ];
}
