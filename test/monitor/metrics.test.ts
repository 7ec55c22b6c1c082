// The metrics: what is written is what a scraper reads, histograms are cumulative, labels are bounded.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { TEI_SECONDS } from '../../lib/monitor/metrics/buckets.js';
import { joinMetricTexts } from '../../lib/monitor/metrics/join-texts.js';
import { Registry } from '../../lib/monitor/metrics/registry.js';
import { ServerMetrics } from '../../lib/monitor/metrics/server-metrics.js';
import { TeiMetrics } from '../../lib/monitor/metrics/tei-metrics.js';
import type { FinishedRequest } from '../../lib/monitor/records.js';
import {
  LATENCY_BUCKETS,
  latencyBucket,
  percentileOf,
} from '../../lib/monitor/traffic/latencies.js';
import { Traffic } from '../../lib/monitor/traffic/traffic.js';
import { parseExposition } from './exposition.js';
import { finished, stateOf } from './records.js';

describe('a registry', () => {
  it('escapes help and labels so that they come back', () => {
    const registry = new Registry();
    const counter = registry.counter({
      ...{ name: 'a_total', help: 'One\\two\nthree "four"', labels: ['path'] },
    });
    const values = ['plain', 'quo"te', 'back\\slash', 'line\nfeed', '\\n', 'ü 文', ''];
    for (const path of values) counter.add(2, { path });
    const family = parseExposition(registry.text()).get('a_total');
    expect(family?.samples.map(({ labels }) => labels.path)).toEqual(values);
    expect(family?.samples.every(({ value }) => value === 2)).toBe(true);
    expect(registry.text().split('\n')[0]).toBe('# HELP a_total One\\\\two\\nthree "four"');
  });

  it('counts observations in every bucket above them', () => {
    const registry = new Registry();
    const histogram = registry.histogram({ name: 'h', help: 'H.', buckets: [1, 2, 4] });
    for (const value of [0, 1, 1.5, 2, 3, 100]) histogram.observe(value);
    histogram.observeMany(4, 3);
    const samples = parseExposition(registry.text()).get('h')?.samples ?? [];
    expect(samples.map(({ value }) => value)).toEqual([2, 4, 8, 9, 119.5, 9]);
    expect(samples.map(({ labels }) => labels.le).slice(0, 4)).toEqual(['1', '2', '4', '+Inf']);
  });

  it('keeps totals right when labels are more than it keeps', () => {
    const registry = new Registry();
    const counter = registry.counter({
      ...{ name: 'b_total', help: 'B.', labels: ['id'], maxSeries: 3 },
    });
    for (let i = 0; i < 1000; i++) counter.add(1, { id: String(i) });
    const samples = parseExposition(registry.text()).get('b_total')?.samples ?? [];
    expect(samples).toHaveLength(4);
    expect(samples.at(-1)).toMatchObject({ labels: { id: 'other' }, value: 997 });
  });

  it('refuses names, steps and buckets that no scraper would take', () => {
    const registry = new Registry();
    const counter = registry.counter({ name: 'c_total', help: 'C.' });
    expect(() => counter.add(-1)).toThrow('c_total: a step must be a number from 0, got -1');
    expect(() => counter.add(Number.NaN)).toThrow(RangeError);
    expect(() => registry.counter({ name: 'c_total', help: '' })).toThrow(/a new name/);
    expect(() => registry.counter({ name: '1x', help: '' })).toThrow(/a name of Prometheus/);
    expect(() => registry.counter({ name: 'd', help: '', labels: ['le'] })).toThrow(RangeError);
    expect(() => registry.histogram({ name: 'e', help: '', buckets: [2, 1] })).toThrow(
      /buckets\[1\]/,
    );
  });

  it('reads gauges when it is asked', () => {
    const registry = new Registry();
    let value = 1;
    registry.gauge({ name: 'g', help: 'G.', read: () => [{ value }] });
    registry.gauge<'m'>({ name: 'none', help: 'N.', labels: ['m'], read: () => [] });
    value = Number.POSITIVE_INFINITY;
    expect(parseExposition(registry.text()).get('g')?.samples[0]?.value).toBe(value);
    expect(parseExposition(registry.text()).get('none')?.samples).toEqual([]);
  });
});

describe('the metrics of several processes', () => {
  const textOf = (value: number) => {
    const registry = new Registry();
    registry
      .counter({ name: 'a_total', help: 'A.', labels: ['m'] })
      .add(value, { m: 'x # HELP y' });
    registry.gauge({ name: 'g', help: 'G.', read: () => [{ value }] });
    registry.histogram({ name: 'h', help: 'H.', buckets: [1] }).observe(value);
    return registry.text();
  };

  it('are those of each, told apart by a label, each metric once', () => {
    const joined = joinMetricTexts([
      { process: '0', text: textOf(1), restarts: 0 },
      { process: '1', text: null, restarts: 2 },
      { process: '2', text: textOf(5), restarts: 0 },
    ]);
    const families = parseExposition(joined);
    const samples = (name: string) =>
      families.get(name)?.samples.map(({ labels, value }) => [labels.process, value]);
    expect(samples('a_total')).toEqual([
      ['0', 1],
      ['2', 5],
    ]);
    expect(samples('g')).toEqual(samples('a_total'));
    expect(families.get('a_total')?.samples[1]?.labels.m).toBe('x # HELP y');
    expect(
      families.get('h')?.samples.map(({ name, labels, value }) => [name, labels, value]),
    ).toEqual([
      ['h_bucket', { process: '0', le: '1' }, 1],
      ['h_bucket', { process: '0', le: '+Inf' }, 1],
      ['h_sum', { process: '0' }, 1],
      ['h_count', { process: '0' }, 1],
      ['h_bucket', { process: '2', le: '1' }, 0],
      ['h_bucket', { process: '2', le: '+Inf' }, 1],
      ['h_sum', { process: '2' }, 5],
      ['h_count', { process: '2' }, 1],
    ]);
    expect(samples('sinter_process_up')).toEqual([
      ['0', 1],
      ['1', 0],
      ['2', 1],
    ]);
    expect(samples('sinter_process_restarts_total')?.[1]).toEqual(['1', 2]);
  });
});

describe('the metrics of a server', () => {
  const make = () => {
    const registry = new Registry();
    const state = stateOf();
    const parts = [new ServerMetrics(registry, state), new TeiMetrics(registry, state)];
    const tell = (request: Partial<FinishedRequest>) => {
      for (const part of parts) part.onRequest(finished(request));
    };
    const value = (name: string, labels: Record<string, string> = {}) => {
      const all = [...parseExposition(registry.text()).values()].flatMap(({ samples }) => samples);
      const fits = all.filter(
        (one) =>
          one.name === name &&
          Object.entries(labels).every(([label, text]) => one.labels[label] === text),
      );
      return fits.reduce((sum, one) => sum + one.value, 0);
    };
    return { tell, value, registry };
  };

  it('has the metric on which the manifest for Kubernetes scales', () => {
    const file = new URL('../../deploy/kubernetes/autoscaler.yaml', import.meta.url);
    const { spec } = parse(readFileSync(file, 'utf8'));
    const named = spec.metrics.map(
      (one: { pods: { metric: { name: string } } }) => one.pods.metric.name,
    );
    const { registry, value } = make();
    const families = parseExposition(registry.text());
    expect(named).toEqual(['sinter_queue_tokens']);
    expect(families.get(named[0])).toMatchObject({ type: 'gauge' });
    const queued = stateOf()
      .queues()
      .reduce((sum, { queuedTokens }) => sum + queuedTokens, 0);
    expect(queued).toBeGreaterThan(0);
    expect(value(named[0])).toBe(queued);
  });

  it('counts every request once, by model, task and outcome', () => {
    const { tell, value } = make();
    tell({});
    tell({ outcome: 'overloaded', status: 429, facts: null });
    tell({ outcome: 'validation', model: 'made up by a client', facts: null });
    const labels = { model: 'intents', task: 'classify' };
    expect(value('sinter_requests_total', { ...labels, outcome: 'ok' })).toBe(1);
    expect(value('sinter_requests_total', { ...labels, outcome: 'overloaded' })).toBe(1);
    expect(value('sinter_requests_total', { model: 'none' })).toBe(1);
    expect(value('sinter_request_failures_total', { reason: 'overloaded' })).toBe(1);
    expect(value('sinter_request_failures_total', { reason: 'timeout' })).toBe(0);
    expect(value('sinter_request_duration_seconds_count', { model: 'intents' })).toBe(1);
    expect(value('sinter_request_duration_seconds_sum')).toBeCloseTo(0.02, 12);
    expect(value('sinter_truncated_inputs_total')).toBe(1);
    expect(value('sinter_tokens_total')).toBe(30);
    expect(value('sinter_queue_size', { model: 'intents' })).toBe(7);
    expect(value('sinter_lane_busy_seconds_total', { lane: '1' })).toBe(3);
    expect(value('sinter_model_info', { version: 'v1', dtype: 'int8' })).toBe(1);
    expect(value('sinter_batch_size_sum')).toBe(12);
    expect(value('sinter_batch_size_bucket', { le: '4' })).toBe(3);
    expect(value('sinter_batch_size_count')).toBe(4);
  });

  it("has text-embeddings-inference's names without its mistakes", () => {
    const { tell, value } = make();
    tell({ method: 'single', facts: { ...finished({}).facts, texts: 1, tokens: 5 } as never });
    tell({ method: 'batch' });
    tell({ outcome: 'failed', method: 'single', status: 424, facts: null });
    tell({ outcome: 'unauthorized', status: 401, facts: null, model: null });
    expect(value('te_request_count', { method: 'single' })).toBe(2);
    expect(value('te_request_success', { method: 'single' })).toBe(1);
    expect(value('te_request_success', { method: 'batch' })).toBe(1);
    expect(value('te_request_failure', { err: 'inference' })).toBe(1);
    expect(value('te_predict_count')).toBe(5);
    expect(value('te_predict_success')).toBe(4);
    expect(value('te_embed_count')).toBe(0);
    expect(value('te_predict_duration_count')).toBe(2);
    expect(value('te_request_input_length_count')).toBe(4);
    expect(value('te_request_input_length_sum')).toBeCloseTo(35, 9);
    expect(value('te_queue_size')).toBe(7);
    expect(TEI_SECONDS).toHaveLength(35);
    expect(TEI_SECONDS[0]).toBe(0.000015);
    expect(TEI_SECONDS[34]).toBeCloseTo(1e-5 * 1.5 ** 35, 3);
  });
});

describe('traffic', () => {
  it('has percentiles within 7 % of the true ones', () => {
    const counts = new Uint32Array(LATENCY_BUCKETS);
    const times = Array.from({ length: 10_000 }, (_, i) => 0.2 * 1.0007 ** i);
    for (const ms of times) {
      const bucket = latencyBucket(ms);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const share of [0.01, 0.5, 0.95, 0.99]) {
      const truth = times[Math.ceil(share * times.length) - 1] ?? 0;
      expect(Math.abs((percentileOf(counts, share) ?? 0) / truth - 1)).toBeLessThan(0.075);
    }
    expect(percentileOf(new Uint32Array(LATENCY_BUCKETS), 0.5)).toBeNull();
    expect([latencyBucket(0), latencyBucket(Number.NaN), latencyBucket(1e9)]).toEqual([0, 0, 105]);
  });

  it('forgets what is older than its rings, and mixes no spans', () => {
    const traffic = new Traffic();
    const begin = 1_700_000_000_000;
    for (let second = 0; second < 400; second++) {
      traffic.add(finished({}), begin + second * 1000);
      if (second % 10 === 0) traffic.add(finished({ outcome: 'failed' }), begin + second * 1000);
    }
    const now = begin + 400_000;
    expect(traffic.last(now, 60)).toMatchObject({ requests: 66, answered: 60, errors: 6 });
    expect(traffic.last(now, 60).meanMs).toMatchObject({ total: 20, queue: 5 });
    expect(traffic.last(now + 60_000, 60).requests).toBe(0);
    expect(traffic.last(now + 60_000, 60).p99).toBeNull();
    const minutes = traffic.perMinute(now, 180);
    expect(minutes).toHaveLength(180);
    expect(minutes.reduce((sum, { requests }) => sum + requests, 0)).toBe(440);
    expect(traffic.perMinute(now + 181 * 60_000, 180).every(({ requests }) => requests === 0)).toBe(
      true,
    );
  });
});
