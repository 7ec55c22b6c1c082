/**
 * A report of a compression with all sections: numbers of the kind that a search gives, made from a seed, judged by the real gate.
 *
 * The rule: texts and names hold what breaks careless pages.
 */
import { judge } from '../../lib/compress/gate.js';
import { classificationOutcome } from '../../lib/compress/outcome.js';
import { SeededRandom } from '../../lib/core/random.js';
import { reliability, wilson } from '../../lib/metrics/index.js';
import type { CompressionReportData } from '../../lib/report/index.js';
import { HOSTILE } from './sample.js';

const random = new SeededRandom(12);
const uniform = (): number => random.next() / 2 ** 32;

const names = [...Array.from({ length: 19 }, (_, i) => `intent_${i + 1}`), HOSTILE];
const rows = 900;
const truth = Int32Array.from({ length: rows }, (_, row) => row % names.length);
const answers = (wrong: number, from: Int32Array) =>
  from.map((label) => (uniform() < wrong ? random.below(names.length) : label));
const original = answers(0.08, truth);
const candidate = answers(0.015, original);
const probabilities = Float64Array.from({ length: rows }, () => 0.6 + 0.4 * uniform());
const right = (predicted: Int32Array) =>
  Array.from(predicted, (label, row) => label === truth[row]);
const count = (predicted: Int32Array) => right(predicted).filter(Boolean).length;
const counts = (spread: number): number[] =>
  Array.from({ length: 40 }, (_, i) => Math.round(4000 * Math.exp(-(((i - 19.5) / spread) ** 2))));

const verdict = await judge({
  original: classificationOutcome({ names, truth, predicted: original }, { probabilities }),
  candidate: classificationOutcome({ names, truth, predicted: candidate }, { probabilities }),
  maxDrop: 0.02,
  seed: 1,
});

const scored = (predicted: Int32Array) => ({
  score: count(predicted) / rows,
  interval: wilson(count(predicted), rows),
});

export const compressionSample: CompressionReportData = {
  format: 1,
  title: 'Banking intents, half the size again',
  subtitle: `A classifier of ${names.length} intents, compressed for two cores.`,
  variants: [
    {
      ...{ name: 'MiniLM f32', role: 'original', precision: 'f32', bytes: 90_900_000 },
      ...{ tokensPerSecond: 18_400, latencyMs: { p50: 4.1, p95: 5.2 }, ...scored(original) },
    },
    {
      ...{
        name: `4 layers, int8 ${HOSTILE}`,
        role: 'chosen',
        precision: 'int8',
        bytes: 19_300_000,
      },
      ...{ tokensPerSecond: 71_300, latencyMs: { p50: 1.2, p95: 1.6 }, ...scored(candidate) },
      ...{ agreement: verdict.agreement ?? 0, isOnFront: true },
    },
    {
      ...{ name: 'ONNX Runtime int8', role: 'peer', precision: 'int8', bytes: 23_100_000 },
      ...{ tokensPerSecond: 29_700, ...scored(original) },
    },
    ...Array.from({ length: 6 }, (_, i) => ({
      ...{ name: `${i + 1} of 6 layers`, role: 'candidate' as const, bytes: 12e6 + 2e6 * i },
      ...{ tokensPerSecond: 200_000 / (i + 1), score: 0.6 + i * 0.05, isOnFront: i % 2 === 0 },
    })),
  ],
  verdict,
  choices: ['Four layers were chosen, because three lose more than the gate allows.', HOSTILE],
  changed: {
    rows: Array.from({ length: 60 }, (_, i) => ({
      ...{ text: `${HOSTILE} row ${i}`, truth: 'intent_1' },
      original: { answer: 'intent_1', score: 0.8 },
      candidate: { answer: HOSTILE, score: 0.41 },
    })),
    total: 71,
  },
  reliability: {
    original: reliability(probabilities, right(original)),
    candidate: reliability(probabilities, right(candidate)),
  },
  sensitivity: Array.from({ length: 36 }, (_, i) => ({
    ...{ name: `layer ${i}.${HOSTILE}`, drop: (i - 5) / 2000, sqnrDb: 30 + uniform() },
    decision: i > 30 ? 'kept in f32' : 'int8',
  })),
  widths: Array.from({ length: 4 }, (_, i) => ({
    ...{ name: `layer ${i}`, heads: { original: 12, kept: 12 - 2 * i } },
    neurons: { original: 1536, kept: 1536 - 224 * i },
  })),
  histograms: (['weight', 'activation'] as const).map((kind) => ({
    ...{ name: `layer 0, ${kind} ${HOSTILE}`, kind, low: -2, high: 2 },
    ...{ before: counts(5), after: counts(4.4) },
  })),
  stages: [
    { name: 'importance of heads and neurons', seconds: 41.3, detail: '512 rows' },
    { name: 'search', seconds: 12.1 },
  ],
  data: [
    { use: 'held out', rows, source: HOSTILE, sha256: 'ab'.repeat(32) },
    { use: 'calibration', rows: 256 },
  ],
  environment: { cpu: 'a CPU', threads: 2, seed: 1, command: `sinter compress ${HOSTILE}` },
};
