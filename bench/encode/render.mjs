// The results of the encode bench as text.
import { table, thousands } from '../support/output.mjs';

export function renderResults({ machine, runs }) {
  const [{ peaks }] = runs;
  const peak = (value) => `${(value / 1e9).toFixed(0)} GOP/s`;
  const parts = [
    `${machine.cpu}, ${machine.cpus} CPUs, kernels ${runs[0].isa}, node ${machine.node}, ` +
      `onnxruntime-node ${machine['onnxruntime-node']}, commit ${machine.commit}`,
    `load before ${machine.loadBefore}, after ${machine.loadAfter}; ` +
      (peaks === null
        ? 'no peaks: build the test addon with npm run build:test'
        : `measured peak of one thread: f32 ${peak(peaks.f32)}, int8 ${peak(peaks.s8)}`),
    '',
    'Token ids to vectors, tokens a second (share: of the time that the arithmetic takes at the peaks)',
    table([ENGINE_HEAD, ...runs.flatMap(engineRows)]),
    '',
    'Cosines',
    table([COSINE_HEAD, ...runs.flatMap(cosineRows)]),
    '',
    'Texts to vectors, tokens a second',
    table([TEXT_HEAD, ...runs.flatMap(textRows)]),
  ];
  return parts.join('\n');
}

const ENGINE_HEAD = [
  'workload',
  'precision',
  'threads',
  'sinter',
  'share',
  'onnxruntime',
  'ratio',
  'onnxruntime setting',
];

function engineRows({ threads, results }) {
  return results.map((result) => [
    result.workload,
    result.precision,
    threads,
    thousands(result.sinter.tokensPerSecond),
    result.peakShare === null ? '-' : `${(100 * result.peakShare).toFixed(0)} %`,
    thousands(result.onnxruntime.tokensPerSecond),
    `${result.ratio.toFixed(2)} x`,
    `${result.onnxruntime.file}, batch ${result.onnxruntime.batch}`,
  ]);
}

const COSINE_HEAD = ['workload', 'precision', 'threads', 'of', 'mean', 'lowest'];

function cosineRows({ threads, results }) {
  return results.flatMap(({ workload, precision, agreement }) =>
    Object.entries(agreement).map(([pair, { mean, lowest }]) => [
      workload,
      precision,
      threads,
      pair,
      mean.toFixed(7),
      lowest.toFixed(7),
    ]),
  );
}

const TEXT_HEAD = ['workload', 'precision', 'threads', 'engine', 'tokens/s', 'ratio'];

function textRows({ threads, results }) {
  return results.flatMap(({ workload, precision, texts }) => {
    const own = texts.find(({ engine }) => engine === 'sinter embed').tokensPerSecond;
    return texts.map(({ engine, tokensPerSecond }) => [
      workload,
      precision,
      threads,
      engine,
      thousands(tokensPerSecond),
      `${(own / tokensPerSecond).toFixed(2)} x`,
    ]);
  });
}
