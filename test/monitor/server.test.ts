// What a real server tells of itself: metrics, drift, the audit log, spans, its page.
import { spawnSync } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { context, trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Classifier } from '../../lib/models/classifier.js';
import { verifyFiles, writeBaseline } from '../../lib/monitor/index.js';
import { makeBaseline } from '../../lib/server/observe/index.js';
import { CLASSIFIER, serve, type TestServer, until } from '../server/support.js';
import { type Family, parseExposition } from './exposition.js';

const MODELS = { intents: { path: CLASSIFIER } };

async function metricsOf({ url }: TestServer): Promise<ReadonlyMap<string, Family>> {
  const response = await fetch(`${url}/metrics`);
  expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  return parseExposition(await response.text());
}

function sumOf(all: ReadonlyMap<string, Family>, name: string, labels = {}): number {
  const samples = [...all.values()].flatMap((family) => family.samples);
  const found = samples.filter(
    (one) =>
      one.name === name &&
      Object.entries(labels).every(([label, text]) => one.labels[label] === text),
  );
  return found.reduce((sum, { value }) => sum + value, 0);
}

describe('GET /metrics', () => {
  it('counts what was answered and what was not, without a word of it', async () => {
    const server = await serve(MODELS);
    await server.post('/predict', { inputs: 'a good film' });
    await server.post('/predict', { inputs: [['a good film'], ['xyzzy plugh']] });
    await server.post('/predict', { inputs: 7 });
    await server.post('/embed', { inputs: 'no encoder' });
    await until(() => server.records.length === 4);
    const all = await metricsOf(server);
    const model = { model: 'intents' };
    const ok = { ...model, task: 'classify', outcome: 'ok' };
    expect(sumOf(all, 'sinter_requests_total', ok)).toBe(2);
    expect(sumOf(all, 'sinter_requests_total')).toBe(4);
    expect(sumOf(all, 'sinter_request_failures_total', { reason: 'validation' })).toBe(1);
    expect(sumOf(all, 'sinter_request_failures_total', { reason: 'wrong_model' })).toBe(1);
    expect(sumOf(all, 'sinter_inputs_total', model)).toBe(3);
    expect(sumOf(all, 'sinter_request_duration_seconds_count', model)).toBe(2);
    expect(sumOf(all, 'sinter_inference_duration_seconds_sum', model)).toBeGreaterThan(0);
    expect(sumOf(all, 'sinter_batch_size_count', model)).toBe(
      sumOf(all, 'sinter_batches_total', model),
    );
    expect(sumOf(all, 'sinter_batch_size_sum', model)).toBeGreaterThanOrEqual(3);
    expect(sumOf(all, 'sinter_requests_in_flight')).toBe(0);
    expect(sumOf(all, 'sinter_lane_busy_seconds_total')).toBeGreaterThan(0);
    expect(sumOf(all, 'sinter_native_memory_bytes')).toBeGreaterThan(10_000);
    expect(sumOf(all, 'sinter_model_info', { dtype: 'float32' })).toBe(1);
    expect(sumOf(all, 'te_request_success', { method: 'single' })).toBe(1);
    expect(sumOf(all, 'te_predict_success')).toBe(3);
    expect(sumOf(all, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(all.has('nodejs_eventloop_lag_seconds')).toBe(true);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    expect(text).not.toMatch(/xyzzy|good film/);
  });

  it('needs a key where the server has keys, unless it is opened', async () => {
    const apiKeys = [{ name: 'a', key: 'a-long-enough-key' }];
    const closed = await serve(MODELS, { apiKeys });
    expect((await fetch(`${closed.url}/metrics`)).status).toBe(401);
    expect((await fetch(`${closed.url}/monitor`)).status).toBe(401);
    const headers = { authorization: 'Bearer a-long-enough-key' };
    expect((await fetch(`${closed.url}/metrics`, { headers })).status).toBe(200);
    const open = await serve(MODELS, { apiKeys, observe: { access: 'open' } });
    expect((await fetch(`${open.url}/metrics`)).status).toBe(200);
    const none = await serve(MODELS, { observe: { metrics: false, monitor: false } });
    expect((await fetch(`${none.url}/metrics`)).status).toBe(404);
    expect((await fetch(`${none.url}/monitor`)).status).toBe(404);
  });

  const promtool = spawnSync('promtool', ['--version']).error === undefined;
  it.skipIf(!promtool)('is taken by promtool (package prometheus)', async () => {
    const server = await serve(MODELS);
    await server.post('/predict', { inputs: 'a good film' });
    const input = await (await fetch(`${server.url}/metrics`)).text();
    const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    });
    // 3: only advice. The counters of text-embeddings-inference are called _count and not _total, and keep their names.
    expect([0, 3]).toContain(status);
    const advice = stderr
      .trim()
      .split('\n')
      .filter((line) => line !== '');
    const isOfTei = (line: string) =>
      /^te_\w+ .*should (?:not )?have "_(?:total|count)" suffix$/.test(line);
    expect(advice.filter((line) => !isOfTei(line))).toEqual([]);
  });
});

it.each([
  [
    { baselines: { other: 'x.json' } },
    /observe: baselines: a name must be one of the models.*intents/,
  ],
  [{ alerts: [{ name: 'a', when: 'queue > 1', model: 'b' }] }, /alerts\[0\].model must be one of/],
  [{ audit: { folder: '' } }, /observe: audit: folder must be/],
  [{ webhook: { tries: 3 } }, /observe: webhook: unknown option "tries"/],
  [{ metric: true }, /unknown option "metric"/],
])('refuses %j', async (observe, message) => {
  await expect(serve(MODELS, { observe: observe as never })).rejects.toThrow(message);
});

describe('drift', () => {
  const GOOD = Array.from({ length: 900 }, (_, i) => `a good film, number ${i}`);
  let path = '';

  beforeAll(async () => {
    path = join(await mkdtemp(join(tmpdir(), 'sinter-monitor-')), 'baseline.json');
    await using model = await Classifier.load(CLASSIFIER);
    const baseline = await makeBaseline(model, GOOD);
    expect(Object.keys(baseline.quantities)).toEqual(
      expect.arrayContaining(['length', 'tokens', 'unknown', 'script', 'class', 'confidence']),
    );
    await writeBaseline(baseline, path);
  });

  const drifted = async (texts: readonly string[]) => {
    const server = await serve(MODELS, { observe: { baselines: { intents: path } } });
    for (let i = 0; i < texts.length; i += 300) {
      const inputs = texts.slice(i, i + 300).map((text) => [text]);
      expect((await server.post('/predict', { inputs })).status).toBe(200);
    }
    return metricsOf(server);
  };

  it('is none for the training rows themselves', async () => {
    const all = await drifted(GOOD);
    expect(sumOf(all, 'sinter_drift_level', { model: 'intents' })).toBe(1);
    expect(sumOf(all, 'sinter_drift', { quantity: 'length' })).toBeLessThan(0.01);
    expect(sumOf(all, 'sinter_drift', { quantity: 'confidence' })).toBeLessThan(0.01);
    expect(sumOf(all, 'sinter_drift', { quantity: 'class' })).toBeLessThan(0.01);
  });

  it('is found in texts of another kind', async () => {
    const all = await drifted(GOOD.map((text) => `совсем другой текст ${text.slice(-3)}`));
    expect(sumOf(all, 'sinter_drift_level', { model: 'intents' })).toBe(3);
    expect(sumOf(all, 'sinter_drift', { quantity: 'script' })).toBeGreaterThan(1);
  });

  it('refuses a baseline of another task', async () => {
    const other = join(path, '..', 'other.json');
    await using model = await Classifier.load(CLASSIFIER);
    const baseline = await makeBaseline(model, GOOD.slice(0, 10));
    await writeBaseline({ ...baseline, model: { task: 'embed', version: '' } }, other);
    const failed = serve(MODELS, { observe: { baselines: { intents: other } } });
    await expect(failed).rejects.toThrow(
      /is of a model that does embed, and intents does classify/,
    );
    await writeFile(other, 'no');
    await expect(serve(MODELS, { observe: { baselines: { intents: other } } })).rejects.toThrow(
      /no JSON/,
    );
  });
});

it('logs every request of a model, and closes the log with the server', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sinter-monitor-'));
  const server = await serve(MODELS, { observe: { audit: { folder, textHash: true } } });
  for (let i = 0; i < 5; i++) await server.post('/predict', { inputs: `text ${i}` });
  await server.post('/predict', { inputs: 7 });
  await server.get('/livez');
  await until(() => server.records.length === 6);
  await server.server.close();
  expect(await verifyFiles([folder])).toMatchObject({ isIntact: true, requests: 6, notes: [] });
});

describe('tracing', () => {
  const exporter = new InMemorySpanExporter();
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
  beforeAll(() => void trace.setGlobalTracerProvider(provider));
  afterEach(() => exporter.reset());

  it('makes a span of a request and of its stages, below the span of its caller', async () => {
    const server = await serve(MODELS, { observe: { tracing: true } });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await server.post('/predict', { inputs: 'a good film' }, { headers: { traceparent } });
    await until(() => exporter.getFinishedSpans().length === 4);
    const spans = exporter.getFinishedSpans();
    const request = spans.find(({ name }) => name === 'POST /predict');
    expect(request?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(request?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(request?.attributes).toMatchObject({
      ...{ 'http.route': '/predict', 'http.response.status_code': 200 },
      ...{ 'sinter.model': 'intents', 'sinter.request.outcome': 'ok' },
    });
    const stages = ['tokenize', 'queue', 'inference'].map((name) =>
      spans.find((one) => one.name === name),
    );
    for (const stage of stages) {
      expect(stage?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    }
    expect(stages[2]?.attributes['sinter.tokens']).toBeGreaterThan(2);
    const times = stages.map((one) => [one?.startTime, one?.endTime].map((time) => ms(time)));
    expect(times.flat().toSorted((a, b) => a - b)).toEqual(times.flat());
    expect(ms(request?.startTime)).toBeLessThanOrEqual(times[0]?.[0] ?? 0);
    expect(ms(request?.endTime)).toBeGreaterThanOrEqual(times[2]?.[1] ?? 0);
    expect(JSON.stringify(spans.map(({ attributes }) => attributes))).not.toContain('good film');
  });

  it('begins a trace where the header is wrong, and traces no probe', async () => {
    const server = await serve(MODELS, { observe: { tracing: true } });
    await server.get('/livez');
    for (const traceparent of [
      '00-00000000000000000000000000000000-b7ad6b7169203331-01',
      'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more',
      'nonsense',
    ]) {
      await server.post('/predict', { inputs: 7 }, { headers: { traceparent } });
    }
    await until(() => exporter.getFinishedSpans().length === 4);
    for (const span of exporter.getFinishedSpans()) {
      expect(span.parentSpanContext).toBeUndefined();
      expect(span.spanContext().traceId).not.toBe('0af7651916cd43dd8448eb211c80319c');
    }
    expect(context.active()).toBeDefined();
  });

  const ms = (time: readonly [number, number] | undefined) =>
    Math.round(((time?.[0] ?? 0) * 1e9 + (time?.[1] ?? 0)) / 1e3) / 1e3;
});
