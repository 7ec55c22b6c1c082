/**
 * Deadlines, facts and the estimate of the wait, on a model that is steered by hand.
 */

import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeBatcher as make, makeBusy, outcome, turn, until } from './fake-engine.js';

/** Time that only the test moves. */
function fakeTime() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
}

describe('timeoutMs', () => {
  it('ends a waiting request, which is never computed', async () => {
    fakeTime();
    const { engine, batcher } = await makeBusy();
    const late = batcher.run('late', { timeoutMs: 50 });
    const stays = batcher.run('stays', { timeoutMs: 5000 });
    const ends: string[] = [];
    late.catch(() => ends.push('late'));
    await vi.advanceTimersByTimeAsync(49);
    expect(ends).toEqual([]);
    await vi.advanceTimersByTimeAsync(11);
    expect(ends).toEqual(['late']);
    await expect(late).rejects.toMatchObject({
      code: 'CANCELLED',
      message: expect.stringMatching(/^run was cancelled: .* within its timeoutMs, after \d+ ms$/),
      cause: expect.objectContaining({ name: 'TimeoutError' }),
    });
    await late.catch(({ cause }) => expect(cause).toBeInstanceOf(DOMException));
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await stays).toBe('stays');
    expect(engine.batches.flatMap(({ texts }) => texts)).toEqual(['block', 'stays']);
    expect(batcher.metrics()).toMatchObject({ cancelled: 1, completed: 2, queued: 0, running: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends a running request, and the batch when nobody is left', async () => {
    fakeTime();
    const { engine, batcher } = make({ maxWaitMs: 0 });
    const runs = [10, 30].map((timeoutMs) => outcome(batcher.run('x', { timeoutMs })));
    await until(() => engine.batches.length === 1);
    await vi.advanceTimersByTimeAsync(20);
    expect(await runs[0]).toBe('CANCELLED');
    expect(engine.batches[0]?.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(30);
    expect(await runs[1]).toBe('CANCELLED');
    expect(engine.batches[0]?.signal.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is one timer for any number of requests and durations', async () => {
    fakeTime();
    const { engine, batcher } = await makeBusy({ maxQueue: 5000 });
    const runs = Array.from({ length: 1000 }, (_, i) =>
      outcome(batcher.run(`t${i}`, { timeoutMs: 100 + ((i * 7919) % 1000) })),
    );
    await turn();
    expect(vi.getTimerCount()).toBe(1);
    const ends: number[] = [];
    for (const [i, run] of runs.entries())
      void run.then(() => ends.push(100 + ((i * 7919) % 1000)));
    await vi.advanceTimersByTimeAsync(600);
    // In the order of their deadlines, to the width of a slot.
    expect(ends.length).toBeGreaterThan(450);
    for (const [i, ms] of ends.entries()) {
      expect(ms).toBeGreaterThan(Math.max(0, ...ends.slice(0, i)) - 9);
      expect(ms).toBeLessThanOrEqual(601);
    }
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    await Promise.all(runs);
    expect(batcher.metrics().queued).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is seen before a batch begins, even when the timer is late', async () => {
    const { engine, batcher } = await makeBusy();
    const late = outcome(batcher.run('late', { timeoutMs: 5 }));
    await until(() => engine.encodeCalls.length === 2);
    // The JavaScript thread is busy, so that no timer fires.
    for (const begin = performance.now(); performance.now() - begin < 25; );
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await late).toBe('CANCELLED');
    expect(engine.batches).toHaveLength(1);
  });

  it('must be a positive number', async () => {
    const { batcher } = make();
    for (const timeoutMs of [0, -1, Number.NaN, 1e9]) {
      await expect(batcher.run('x', { timeoutMs })).rejects.toThrow(
        /^run: timeoutMs must be above 0, at most 86400000, got/,
      );
    }
  });
});

describe('runWithFacts', () => {
  it('gives the result with sizes and times', async () => {
    const { engine, batcher } = await makeBusy();
    engine.encodeDelayMs = 10;
    const waits = batcher.runWithFacts('waits');
    await until(() => engine.encodeCalls.length === 2);
    await new Promise((done) => setTimeout(done, 40));
    engine.onBatch = ({ end }) => setTimeout(end, 20);
    engine.batches[0]?.end();
    const { result, facts } = await waits;
    expect(result).toBe('waits');
    expect(facts).toMatchObject({ tokens: 5, truncated: false });
    expect(facts.tokenizeMs).toBeGreaterThanOrEqual(9);
    expect(facts.queueMs).toBeGreaterThanOrEqual(0);
    // However late the tokenizer was: the batch before ended 40 ms after the call.
    expect(facts.queueMs + facts.tokenizeMs).toBeGreaterThanOrEqual(39);
    expect(facts.computeMs).toBeGreaterThanOrEqual(19);
  });

  it('rejects as run does', async () => {
    const { engine, batcher } = make({ maxWaitMs: 0 });
    engine.onBatch = ({ end }) => end();
    await expect(batcher.runWithFacts('bad')).rejects.toThrow(RangeError);
    await expect(batcher.runWithFacts('poison')).rejects.toMatchObject({ code: 'INVALID_DATA' });
  });
});

describe('the estimate of the wait', () => {
  it('is null before the first batch, then what waits at the measured speed', async () => {
    fakeTime();
    const { engine, batcher } = make({ maxWaitMs: 0, maxBatchTokens: 100, maxQueue: 5 });
    expect(batcher.metrics()).toMatchObject({ tokensPerSecond: null, estimatedWaitMs: null });
    engine.onBatch = ({ end }) => setTimeout(end, 50);
    const first = batcher.run('x'.repeat(100));
    await vi.advanceTimersByTimeAsync(60);
    await first;
    // 100 tokens in 50 ms.
    expect(batcher.metrics().tokensPerSecond).toBeCloseTo(2000, 6);
    expect(batcher.metrics().estimatedWaitMs).toBe(0);
    const runs = Array.from({ length: 6 }, () => batcher.run('x'.repeat(100)));
    const refused = outcome(runs[5] as Promise<string>);
    await vi.advanceTimersByTimeAsync(1);
    await expect(runs[5]).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(await refused).toBe('OVERLOADED');
    const { estimatedWaitMs } = batcher.metrics();
    // One batch runs and four wait, of which those that are not tokenized count as 27 tokens.
    expect(estimatedWaitMs).toBeGreaterThan(100);
    expect(estimatedWaitMs).toBeLessThanOrEqual(250);
    const again = batcher.run('y'.repeat(100));
    const error = await batcher.run('z').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'OVERLOADED', details: { queued: 5 } });
    const { retryAfterMs } = (error as { details: { retryAfterMs: number } }).details;
    expect(retryAfterMs).toBeGreaterThan(100);
    expect(retryAfterMs).toBeLessThanOrEqual(300);
    await vi.advanceTimersByTimeAsync(400);
    await Promise.all([...runs.slice(0, 5), again]);
    await batcher.dispose();
  });

  it('follows the speed, and forgets idle time', async () => {
    fakeTime();
    const { engine, batcher } = make({ maxWaitMs: 0 });
    let ms = 10;
    engine.onBatch = ({ end }) => setTimeout(end, ms);
    const measure = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const run = batcher.run('x'.repeat(100));
        await vi.advanceTimersByTimeAsync(ms + 1);
        await run;
      }
      return batcher.metrics().tokensPerSecond ?? 0;
    };
    expect(await measure(10)).toBeCloseTo(10_000, 0);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(batcher.metrics().tokensPerSecond).toBeCloseTo(10_000, 0);
    ms = 1000;
    // 20 s at 100 tokens a second.
    expect(await measure(20)).toBeLessThan(200);
  });
});
