// What watching costs: telling the monitor of a request and of a result, reading the metrics, drawing the page.
// node bench/serve/monitor.mjs   (from dist/: npm run build first)
import { setImmediate } from 'node:timers/promises';
import { BaselineBuilder } from '../../dist/monitor/drift/baseline.js';
import { Monitor } from '../../dist/monitor/monitor.js';
import { MonitorPage } from '../../dist/monitor/page/monitor-page.js';

const model = {
  name: 'm',
  task: 'embed',
  version: 'v',
  dtype: 'int8',
  labels: [],
  problem: null,
  maxTokens: 256,
};
const sizes = { sum: 0, counts: [] };
const queue = {
  model: 'm',
  queued: 0,
  queuedTokens: 0,
  running: 0,
  batches: 0,
  batchTexts: sizes,
  batchTokens: sizes,
};
const state = {
  models: () => [model],
  queues: () => [queue],
  inFlight: () => 0,
  laneBusyMs: () => [0, 0],
};
const text = 'How do I find the exchange rate that was used for my last transfer abroad?';
const vector = () => Float32Array.from({ length: 384 }, () => Math.random() - 0.4);
const builder = new BaselineBuilder();
for (let i = 0; i < 1000; i++) builder.add({ input: text.slice(i % 30), vector: vector() });
const baseline = builder.build({ task: 'embed', version: 'v' }, new Date());
const monitor = new Monitor(
  {
    ...{
      baselines: new Map([['m', baseline]]),
      driftRows: 2000,
      rules: [],
      webhook: {},
      audit: null,
    },
    ...{ countTokens: null, onNotice: () => {}, onProblem: () => {} },
  },
  state,
);
const facts = { texts: 1, tokens: 20, truncated: 0, tokenizeMs: 0.1, queueMs: 1, inferenceMs: 4 };
const record = {
  requestId: 'r',
  route: '/embed',
  status: 200,
  outcome: 'ok',
  model: 'm',
  version: 'v',
  key: '',
  method: 'single',
  totalMs: 6,
  facts,
};
const result = { requestId: 'r', model, inputs: [text], results: [vector()], facts };

/** Median microseconds of a call over rounds of `calls`. */
function time(name, calls, work) {
  const rounds = Array.from({ length: 15 }, () => {
    const begin = performance.now();
    for (let i = 0; i < calls; i++) work();
    return ((performance.now() - begin) * 1000) / calls;
  }).sort((a, b) => a - b);
  console.log(`${name}: ${rounds[7].toFixed(2)} us`);
}

time('a request', 10_000, () => monitor.onRequest(record));
time('a result with drift', 2000, () => monitor.onResult(result));
time('GET /metrics', 50, () => monitor.text());
time('the status of drift', 50, () => monitor.drift());

// The longest time without a turn of the event loop, and the whole time, of a page that a worker thread draws.
for (let round = 0; round < 5; round++) {
  const page = new MonitorPage(monitor, '0.1.0');
  let [longest, last, isDone] = [0, performance.now(), false];
  const watch = (async () => {
    while (!isDone) {
      await setImmediate();
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }
  })();
  const begin = performance.now();
  await page.html();
  const all = performance.now() - begin;
  isDone = true;
  await watch;
  await page.close();
  console.log(
    `the page ${round + 1}: ${all.toFixed(1)} ms, at most ${longest.toFixed(1)} ms without a turn`,
  );
}
await monitor.close();
