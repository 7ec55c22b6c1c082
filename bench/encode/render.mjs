// The results of the encode bench as text.
import { machineLines, percent, table, thousands } from '../support/output.mjs';

export function renderResults({ machine, options, runs }) {
  const [{ peaks }] = runs;
  const peak = (value) => `${(value / 1e9).toFixed(0)} GOP/s`;
  const parts = [
    ...machineLines(machine, runs[0].isa),
    peaks === null
      ? 'no peaks: build the test addon with npm run build:test'
      : `measured peak of one thread: f32 ${peak(peaks.f32)}, int8 ${peak(peaks.s8)}`,
    ...(options.peersEnv === undefined
      ? ['no CTranslate2, no OpenVINO, no files of their tools: --peers-env is not given']
      : []),
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
  'engine',
  'tokens/s',
  'ratio',
  'cpu ratio',
  'share',
  'spread',
  'cpu/wall',
  'best setting',
];

/** Rows of the table: Sinter first, then the other engines from the fastest on. */
function engineRows({ threads, results }) {
  return results.flatMap(({ workload, precision, sinter, peers, peakShare }) =>
    [{ engine: 'sinter', ...sinter }, ...peers].map((one) => [
      workload,
      precision,
      threads,
      one.engine,
      thousands(one.tokensPerSecond),
      one.ratio === undefined ? '' : `${one.ratio.toFixed(2)} x`,
      one.ratio === undefined ? '' : `${one.cpuRatio.toFixed(2)} x`,
      one.ratio !== undefined || peakShare === null ? '' : percent(peakShare),
      percent((Math.max(...one.rounds) - Math.min(...one.rounds)) / one.medianMs),
      (one.medianCpuMs / one.medianMs).toFixed(2),
      one.name === undefined ? '' : `${one.name}, batch ${one.batch}`,
    ]),
  );
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
