/**
 * The scheduler on a model that is steered by hand: who is batched with whom, who goes first, what is refused, and that
 * every end is clean.
 */

import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { Batcher } from '../../lib/batching/batcher.js';
import { FakeEngine, makeBatcher as make, makeBusy, outcome, turn, until } from './fake-engine.js';

describe('batching', () => {
  it('tokenizes and runs together what arrives within maxWaitMs', async () => {
    const { engine, batcher } = make({ maxWaitMs: 20 });
    engine.onBatch = ({ end }) => end();
    const first = batcher.run('one');
    await new Promise((done) => setTimeout(done, 2));
    expect(await Promise.all([first, batcher.run('two'), batcher.run('three')])).toEqual([
      'one',
      'two',
      'three',
    ]);
    expect(engine.encodeCalls).toEqual([['one', 'two', 'three']]);
    expect(engine.batches.map(({ texts }) => texts)).toEqual([['one', 'two', 'three']]);
  });

  it('does not wait once a batch is full', async () => {
    const { engine, batcher } = make({ maxWaitMs: 60_000, maxBatchTokens: 8 });
    engine.onBatch = ({ end }) => end();
    const texts = ['aaaa', 'bbbb', 'cccc'];
    expect(await Promise.all(texts.map((text) => batcher.run(text)))).toEqual(texts);
    expect(engine.batches.map(({ tokens }) => tokens)).toEqual([8, 4]);
  });

  it('collects while a batch runs, and keeps batches within maxBatchTokens', async () => {
    const { engine, batcher, blocked } = await makeBusy({ maxBatchTokens: 10 });
    const texts = ['aaaa', 'bbbb', 'cccc', 'd'.repeat(25), 'e'];
    const results = texts.map((text) => batcher.run(text));
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await Promise.all(results)).toEqual(texts);
    expect(await blocked).toBe('block');
    expect(engine.batches.slice(1).map(({ texts: seen }) => seen)).toEqual([
      ['aaaa', 'bbbb'],
      ['cccc'],
      ['d'.repeat(25)],
      ['e'],
    ]);
  });

  it('divides callers that wait for their answers into two batches that take turns', async () => {
    const { engine, batcher, blocked } = await makeBusy({ maxWaitMs: 0, maxBatchTokens: 4096 });
    engine.onBatch = ({ end }) => setTimeout(end, 1);
    let open = true;
    const text = 'x'.repeat(16);
    const caller = async () => {
      while (open) await batcher.run(text);
    };
    const callers = Array.from({ length: 48 }, caller);
    engine.batches[0]?.end();
    await until(() => engine.batches.length > 30);
    open = false;
    await Promise.all([blocked, ...callers]);
    const sizes = engine.batches.slice(10, 30).map(({ texts }) => texts.length);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(28);
  });

  it('does not divide a few short texts', async () => {
    const { engine, batcher, blocked } = await makeBusy({ maxBatchTokens: 4096 });
    const texts = Array.from({ length: 16 }, (_, i) => `text ${i}`);
    const results = texts.map((text) => batcher.run(text));
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await Promise.all(results)).toEqual(texts);
    expect(await blocked).toBe('block');
    expect(engine.batches.slice(1).map(({ texts: seen }) => seen.length)).toEqual([16]);
  });

  it('copies a pair at once', async () => {
    const { engine, batcher } = make();
    engine.onBatch = ({ end }) => end();
    const pair: [string, string] = ['a', 'b'];
    const result = batcher.run(pair);
    pair[0] = 'changed';
    expect(await result).toBe('a,b');
  });
});

describe('errors', () => {
  it('of a text reach its own caller only', async () => {
    const { engine, batcher } = make();
    engine.onBatch = ({ end }) => end();
    const texts = ['a', 'bad', 'b', 'poison', 'c'];
    const ends = texts.map((text) => outcome(batcher.run(text)));
    expect(await Promise.all(ends)).toEqual(['a', 'RangeError', 'b', 'INVALID_DATA', 'c']);
    expect(batcher.metrics()).toMatchObject({ requests: 5, completed: 3, failed: 2, running: 0 });
  });

  it('of arguments are found before anything is queued', async () => {
    const { engine, batcher } = make();
    await expect(batcher.run(5 as never)).rejects.toThrow(
      new TypeError('run: text must be a string or a pair of strings, got 5'),
    );
    await expect(batcher.run(['a', '\ud800'])).rejects.toThrow(/^run: text\[1\] must be well-form/);
    await expect(batcher.run('a', { priority: 'low' as never })).rejects.toThrow(
      new RangeError('run: priority must be one of "interactive", "bulk", got "low"'),
    );
    await expect(batcher.run('a', { signal: 1 as never })).rejects.toThrow(TypeError);
    expect(batcher.metrics().requests).toBe(0);
    expect(() => new Batcher(engine, { maxQueue: 0 })).toThrow(
      new RangeError('batch: maxQueue must be a whole number from 1, got 0'),
    );
    expect(() => new Batcher(engine, { maxWaitMs: -1 })).toThrow(RangeError);
    expect(() => new Batcher(engine, { maxwaitms: 1 } as never)).toThrow(/did you mean maxWaitMs/);
  });
});

describe('the queue', () => {
  it('refuses the request over maxQueue at once, and takes one again when there is room', async () => {
    const { engine, batcher } = await makeBusy({ maxQueue: 2 });
    const taken = [batcher.run('a'), batcher.run('b')];
    await expect(batcher.run('c')).rejects.toMatchObject({
      code: 'OVERLOADED',
      message: 'run: 2 requests wait already',
      details: { queued: 2 },
    });
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await Promise.all(taken)).toEqual(['a', 'b']);
    expect(await batcher.run('c')).toBe('c');
    expect(batcher.metrics()).toMatchObject({ requests: 4, rejected: 1, queued: 0 });
  });

  it('refuses tokens over maxQueueTokens, but never a request that would wait alone', async () => {
    const { engine, batcher } = await makeBusy({ maxQueueTokens: 10 });
    const long = batcher.run('x'.repeat(400));
    await expect(batcher.run('c')).rejects.toMatchObject({ code: 'OVERLOADED' });
    await until(() => batcher.metrics().queuedTokens === 400);
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await long).toHaveLength(400);
    expect(batcher.metrics().queuedTokens).toBe(0);
  });
});

describe('cancellation', () => {
  it('of a queued request rejects at once, and it is never computed', async () => {
    const { engine, batcher } = await makeBusy();
    const controller = new AbortController();
    const gone = batcher.run('gone', { signal: controller.signal });
    const stays = batcher.run('stays', { signal: new AbortController().signal });
    controller.abort(new Error('enough'));
    await expect(gone).rejects.toMatchObject({ code: 'CANCELLED', cause: new Error('enough') });
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await stays).toBe('stays');
    expect(engine.batches.flatMap(({ texts }) => texts)).toEqual(['block', 'stays']);
    expect(batcher.metrics()).toMatchObject({ cancelled: 1, completed: 2, queued: 0 });
  });

  it('of a signal that is aborted already queues nothing', async () => {
    const { batcher } = make();
    const run = batcher.run('a', { signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(batcher.metrics()).toMatchObject({ requests: 0, queued: 0 });
  });

  it('of a running request leaves the others; of all of them ends the native job', async () => {
    const { engine, batcher } = make();
    const controllers = [new AbortController(), new AbortController()];
    const runs = controllers.map(({ signal }, i) => outcome(batcher.run(`t${i}`, { signal })));
    await until(() => engine.batches.length === 1);
    const [batch] = engine.batches;
    controllers[0]?.abort();
    expect(await runs[0]).toBe('CANCELLED');
    expect(batch?.signal.aborted).toBe(false);
    expect(batcher.metrics()).toMatchObject({ running: 1, queued: 0 });
    controllers[1]?.abort();
    expect(await runs[1]).toBe('CANCELLED');
    expect(batch?.signal.aborted).toBe(true);
    engine.onBatch = ({ end }) => end();
    expect(await batcher.run('next')).toBe('next');
  });

  it('of a signal that many requests share takes one listener, and leaves none', async () => {
    const { engine, batcher } = await makeBusy({ maxBatchTokens: 40 });
    const controller = new AbortController();
    const { signal } = controller;
    const runs = Array.from({ length: 50 }, (_, i) => outcome(batcher.run(`t${i}`, { signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    engine.onBatch = ({ end }) => {
      if (engine.batches.length === 2) end();
    };
    engine.batches[0]?.end();
    await until(() => engine.batches.length === 3);
    controller.abort();
    const ends = await Promise.all(runs);
    expect(ends.filter((text) => text === 'CANCELLED').length).toBe(
      50 - (engine.batches[1]?.texts.length ?? 0),
    );
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    const other = new AbortController().signal;
    engine.onBatch = ({ end }) => end();
    expect(await batcher.run('x', { signal: other })).toBe('x');
    expect(getEventListeners(other, 'abort')).toHaveLength(0);
    await batcher.dispose();
    expect(getEventListeners(engine.ended, 'abort')).toHaveLength(0);
  });
});

describe('the end', () => {
  it('dispose rejects what waits and delivers what runs', async () => {
    const { engine, batcher, blocked } = await makeBusy();
    const waits = outcome(batcher.run('waits'));
    const ended = batcher.dispose();
    expect(await waits).toBe('DISPOSED');
    await expect(batcher.run('late')).rejects.toThrow('run: the batcher was disposed');
    engine.batches[0]?.end();
    await ended;
    expect(await blocked).toBe('block');
    await batcher.dispose();
    expect(engine.batches).toHaveLength(1);
  });

  it('of the model is the end of the batcher', async () => {
    const { engine, batcher, blocked } = await makeBusy();
    const waits = batcher.run('waits');
    engine.model.abort();
    await expect(waits).rejects.toMatchObject({
      code: 'DISPOSED',
      message: 'run: the model was disposed',
    });
    engine.batches[0]?.end();
    expect(await blocked).toBe('block');
  });

  it('drain waits for accepted calls, and starts them without waiting for others to join', async () => {
    const { engine, batcher } = make({ maxWaitMs: 60_000 });
    engine.onBatch = ({ end }) => end();
    await batcher.drain();
    const ends: string[] = [];
    const run = batcher.run('a').then(() => ends.push('run'));
    await batcher.drain();
    ends.push('drain');
    await run;
    expect(ends.sort()).toEqual(['drain', 'run']);
    const controller = new AbortController();
    const waits = outcome(batcher.run('b', { signal: controller.signal }));
    await new Promise((done) => setTimeout(done, 5));
    controller.abort();
    await batcher.drain();
    expect(await waits).toBe('CANCELLED');
    await batcher.dispose();
  });
});

describe('timers', () => {
  it('are there only while a request is held back', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const { engine, batcher } = make({ maxWaitMs: 1000 });
      engine.onBatch = ({ end }) => end();
      const controller = new AbortController();
      const { signal } = controller;
      const runs = ['a', 'b'].map((text) => outcome(batcher.run(text, { signal })));
      await turn();
      expect(vi.getTimerCount()).toBe(1);
      controller.abort();
      await Promise.all(runs);
      await turn();
      expect(vi.getTimerCount()).toBe(0);
      const drained = batcher.run('c');
      await turn();
      await batcher.drain();
      expect(await drained).toBe('c');
      expect(vi.getTimerCount()).toBe(0);
      const disposed = outcome(batcher.run('d'));
      await turn();
      expect(vi.getTimerCount()).toBe(1);
      await batcher.dispose();
      expect(await disposed).toBe('DISPOSED');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('metrics', () => {
  it('count batches, tokens and times', async () => {
    const { engine, batcher } = make({ maxWaitMs: 0, maxBatchTokens: 4 });
    engine.onBatch = ({ end }) => setTimeout(end, 5);
    await Promise.all(['aaa', 'bb', 'cc'].map((text) => batcher.run(text)));
    await batcher.run('d', { priority: 'bulk' });
    const metrics = batcher.metrics();
    expect(metrics).toMatchObject({ requests: 4, completed: 4, batches: 3, tokens: 8 });
    expect(metrics.batchTokens).toEqual({ mean: 8 / 3, max: 4 });
    expect(metrics.computeMs).toBeGreaterThan(12);
    expect(metrics.uptimeMs).toBeGreaterThanOrEqual(metrics.computeMs);
    const { interactive, bulk } = metrics.queueMs;
    expect(interactive.p99).toBeGreaterThanOrEqual(4);
    expect(interactive.p50).toBeLessThan(interactive.p99);
    expect(bulk.p50).toBe(bulk.p99);
  });

  it('count the time of batches that overlap once, and of those that run', async () => {
    const { engine, batcher } = make({ maxWaitMs: 0 });
    const runs = [batcher.run('b', { priority: 'bulk' })];
    await until(() => engine.batches.length === 1);
    runs.push(batcher.run('i'));
    await until(() => engine.batches.length === 2);
    await new Promise((done) => setTimeout(done, 20));
    const { computeMs, uptimeMs } = batcher.metrics();
    expect(computeMs).toBeGreaterThanOrEqual(19);
    expect(computeMs).toBeLessThanOrEqual(uptimeMs);
    for (const { end } of engine.batches) end();
    await Promise.all(runs);
    expect(batcher.metrics().computeMs).toBeLessThanOrEqual(batcher.metrics().uptimeMs);
  });

  it('say how busy the lanes have been since it was made', async () => {
    const engine = new FakeEngine();
    engine.busyMs = 5000;
    const batcher = new Batcher<string>(engine, {});
    expect(batcher.metrics()).toMatchObject({ laneBusyMs: [0], laneUse: 0 });
    await new Promise((done) => setTimeout(done, 20));
    engine.busyMs += 10;
    const { laneBusyMs, laneUse, uptimeMs } = batcher.metrics();
    expect(laneBusyMs).toEqual([10]);
    expect(laneUse).toBeCloseTo(10 / uptimeMs, 10);
  });
});
