/**
 * A report with all sections, as a run on 77 intents would give it; made from a seed.
 *
 * The rule: labels and texts hold what breaks careless pages: tags, quotes, entities, other scripts.
 */
import { SeededRandom } from '../../lib/data/index.js';
import { classificationReport, confusionMatrix, reliability } from '../../lib/metrics/index.js';
import type { ReportData } from '../../lib/report/index.js';

export const HOSTILE = `<script>alert("x")</script>&amp;'`;

const random = new SeededRandom(5);
const uniform = (): number => random.next() / 2 ** 32;

const words = ['card', 'payment', 'top_up', 'transfer', 'exchange', 'refund', 'pin', 'cash'];
const ends = [
  'arrival',
  'declined',
  'pending',
  'fee_charged',
  'limit',
  'not_recognised',
  'by_mistake',
];
export const labels = words
  .flatMap((word) => ends.map((end) => `${word}_${end}`))
  .concat(
    Array.from({ length: 20 }, (_, i) => `intent_${i + 1}`),
    HOSTILE,
  )
  .slice(0, 77);
labels[76] = HOSTILE;

const truth: string[] = [];
const predicted: string[] = [];
labels.forEach((label, i) => {
  for (let row = 0; row < 10; row++) {
    truth.push(label);
    const isWrong = uniform() < (i % 9 === 0 ? 0.4 : 0.06);
    predicted.push(isWrong ? (labels[(i + 1 + random.below(2)) % 77] ?? label) : label);
  }
});

const steps = Array.from({ length: 485 }, (_, i) => ({
  step: i + 1,
  loss: 4.34 * Math.exp(-i / 110) + 0.08 + 0.35 * uniform() * Math.exp(-i / 300),
}));

const accuracies = [0.7416, 0.8481, 0.8792, 0.8922, 0.8987];

export const sample: ReportData = {
  title: 'Banking intents, MiniLM',
  subtitle: 'all-MiniLM-L6-v2, fine-tuned on 3,075 rows, 77 intents; tested on 770 rows.',
  variants: [
    {
      name: 'Sinter f32',
      precision: 'f32',
      accuracy: 0.8987,
      bytes: 90_300_000,
      tokensPerSecond: 18_450,
      latencyMs: 3.12,
    },
    {
      name: 'Sinter int8',
      precision: 'int8',
      accuracy: 0.8974,
      bytes: 23_100_000,
      tokensPerSecond: 51_200,
      latencyMs: 1.27,
    },
    {
      name: 'ONNX Runtime f32',
      precision: 'f32',
      isPeer: true,
      accuracy: 0.8987,
      bytes: 90_500_000,
      tokensPerSecond: 14_900,
      latencyMs: 3.9,
    },
    {
      name: 'ONNX Runtime int8',
      precision: 'int8',
      isPeer: true,
      accuracy: 0.8948,
      bytes: 23_400_000,
      tokensPerSecond: 29_700,
    },
  ],
  loss: {
    steps,
    evaluations: accuracies.map((accuracy, i) => ({
      step: (i + 1) * 97,
      epoch: i + 1,
      accuracy,
      loss: 1.9 * Math.exp(-i * 0.8) + 0.4,
    })),
  },
  confusion: confusionMatrix(truth, predicted, { labels }),
  classification: classificationReport(truth, predicted),
  reliability: reliability(
    truth.map((_, i) => 1 - ((i * 7) % 60) / 100),
    truth.map((label, i) => label === predicted[i]),
  ),
  neighbours: [
    {
      query: 'How long until my new card gets here?',
      neighbours: [
        { text: 'When will my card arrive?', similarity: 0.8734 },
        { text: 'I am still waiting on my card?', similarity: 0.7921 },
        { text: HOSTILE, similarity: 0.6519 },
      ],
    },
    {
      query: '我的卡什么时候到？',
      neighbours: [{ text: 'Is there a way to track my card?', similarity: -0.02 }],
    },
  ],
  environment: {
    cpu: 'Example CPU, 2 cores',
    isa: 'avx512-vnni',
    threads: 2,
    memoryBytes: 8_000_000_000,
    versions: { Sinter: '0.1.0', 'Node.js': '20.20.2' },
    command: `sinter quickstart --out "a & b" ${HOSTILE}`,
    seed: 7,
    date: '2025-01-31 12:00 UTC',
  },
  notes: ['Speed: mixed lengths, best of five runs, engines interleaved.', HOSTILE],
};
