/**
 * Who goes first in a batcher, on a model that is steered by hand.
 */

import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { makeBatcher as make, makeBusy, outcome, turn, until } from './fake-engine.js';

describe('priorities', () => {
  it('let interactive requests pass at the next batch, also those that are not tokenized yet', async () => {
    const { engine, batcher } = await makeBusy({ maxBatchTokens: 2, maxWaitMs: 50 });
    const bulk = ['b1', 'b2'].map((text) => batcher.run(text, { priority: 'bulk' }));
    // Bulk is tokenized already, the interactive request is not.
    await until(() => engine.encodeCalls.length >= 2);
    const interactive = batcher.run('i1');
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    await Promise.all([...bulk, interactive]);
    expect(engine.batches.slice(1).map(({ texts }) => texts[0])).toEqual(['i1', 'b1', 'b2']);
  });

  it('leave ready bulk work idle for an interactive text, but not for others to join that', async () => {
    const { engine, batcher } = make({ maxWaitMs: 60_000, maxBatchTokens: 5 });
    // Long enough to be a full batch, which is not held back.
    const running = batcher.run('block'.repeat(4));
    await until(() => engine.batches.length === 1);
    const bulk = batcher.run('bulk'.repeat(5), { priority: 'bulk' });
    await until(() => engine.encodeCalls.length === 2);
    const interactive = batcher.run('i');
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    await Promise.all([running, bulk, interactive]);
    expect(engine.batches.map(({ texts }) => texts[0]?.[1])).toEqual(['l', undefined, 'u']);
  }, 5000);

  it('let an interactive batch begin while a bulk batch runs, one of each at a time', async () => {
    const { engine, batcher } = make({ maxWaitMs: 0, maxBatchTokens: 1 });
    const started = () => engine.batches.map(({ texts, priority }) => [texts[0], priority]);
    const bulk = ['b', 'c'].map((text) => batcher.run(text, { priority: 'bulk' }));
    await until(() => engine.batches.length === 1);
    const interactive = ['i', 'j'].map((text) => batcher.run(text));
    await until(() => engine.batches.length === 2);
    expect(batcher.metrics()).toMatchObject({ running: 2, queued: 2 });
    engine.batches[1]?.end();
    expect(await interactive[0]).toBe('i');
    await until(() => engine.batches.length === 3);
    engine.batches[0]?.end();
    expect(await bulk[0]).toBe('b');
    for (let i = 0; i < 5; i++) await turn();
    // The next bulk batch waits for the interactive one that runs.
    const order = [
      ['b', 'bulk'],
      ['i', 'interactive'],
      ['j', 'interactive'],
    ];
    expect(started()).toEqual(order);
    engine.onBatch = ({ end }) => end();
    engine.batches[2]?.end();
    expect(await Promise.all([...interactive, ...bulk])).toEqual(['i', 'j', 'b', 'c']);
    expect(started()).toEqual([...order, ['c', 'bulk']]);
  });

  it('dispose both running batches before it settles', async () => {
    const { engine, batcher } = make({ maxWaitMs: 0 });
    const runs = [outcome(batcher.run('b', { priority: 'bulk' }))];
    await until(() => engine.batches.length === 1);
    runs.push(outcome(batcher.run('i')));
    await until(() => engine.batches.length === 2);
    let settled = false;
    const ended = batcher.dispose().then(() => {
      settled = true;
    });
    for (const batch of engine.batches) {
      await turn();
      expect(settled).toBe(false);
      batch.end();
    }
    await ended;
    expect(await Promise.all(runs)).toEqual(['b', 'i']);
  });

  it('never mix in a batch', async () => {
    const { engine, batcher } = await makeBusy();
    const runs = ['b', 'i'].map((text) =>
      batcher.run(text, { priority: text === 'b' ? 'bulk' : 'interactive' }),
    );
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    await Promise.all(runs);
    expect(engine.batches.slice(1).map(({ texts }) => texts)).toEqual([['i'], ['b']]);
  });

  // Time comes from a clock of the test, so that a busy machine does not decide which request goes first.
  it.each([
    ['computing', 2, 0],
    ['tokenizing', 0, 2],
  ])(
    'give bulk work a turn after maxBulkWaitMs of interactive load, when %s is slow',
    async (_, computeMs, encodeMs) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
      onTestFinished(() => {
        vi.useRealTimers();
      });
      const { engine, batcher } = make({ maxWaitMs: 0, maxBulkWaitMs: 40, maxBatchTokens: 1 });
      engine.encodeDelayMs = encodeMs;
      engine.onBatch = ({ end }) => setTimeout(end, computeMs);
      let stop = false;
      const load = Array.from({ length: 6 }, async () => {
        while (!stop) await batcher.run('i');
      });
      const bulk = ['b', 'c'].map((text) => batcher.run(text, { priority: 'bulk' }));
      const ended = Promise.all(bulk).then((results) => {
        stop = true;
        return results;
      });
      for (let ms = 0; ms < 200; ms++) await vi.advanceTimersByTimeAsync(1);
      expect(await ended).toEqual(['b', 'c']);
      await Promise.all(load);
      const order = engine.batches.map(({ texts }) => texts[0]).join('');
      // A turn is one batch, and the next comes as long after it.
      expect(order).toMatch(/^i{15,}bi{15,}ci*$/);
    },
    5000,
  );
});
