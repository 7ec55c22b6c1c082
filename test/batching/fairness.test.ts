/**
 * Groups in a batcher: they take turns by their tokens, and each has its own limits.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batcher } from '../../lib/batching/batcher.js';
import { GroupQueue } from '../../lib/batching/group-queue.js';
import { RequestLine } from '../../lib/batching/request-line.js';
import { FakeEngine, makeBusy, outcome, turn, until } from './fake-engine.js';

describe.each(['interactive', 'bulk'] as const)('groups of %s requests', (priority) => {
  it('let a single request into the next batch, however many of another group wait', async () => {
    const { engine, batcher } = await makeBusy({ maxBatchTokens: 20, maxQueue: 2000 });
    const many = Array.from({ length: 1000 }, (_, i) =>
      batcher.run(`a${i}`.padEnd(5, '.'), { group: 'a', priority }),
    );
    // A batch of the many is tokenized already when the single one comes.
    await until(() => engine.encodeCalls.length >= 2);
    const single = batcher.run('single', { group: 'b', priority });
    for (let i = 0; i < 3; i++) await turn();
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await single).toBe('single');
    const place = engine.batches.findIndex(({ texts }) => texts.includes('single'));
    expect(place).toBe(1);
    await Promise.all(many);
    // Within a group the order stays.
    const order = engine.batches.flatMap(({ texts }) => texts).filter((text) => text[0] === 'a');
    expect(order.map((text) => Number.parseInt(text.slice(1), 10))).toEqual([...many.keys()]);
  });

  it('that come while a batch runs and others are full wait for one batch', async () => {
    const { engine, batcher } = await makeBusy({ maxBatchTokens: 20, maxQueue: 2000 });
    const rush = Array.from({ length: 100 }, () => batcher.run('aaaaa', { group: 'a', priority }));
    const late: Promise<string>[] = [];
    const seen: number[] = [];
    engine.onBatch = ({ texts, end }) => {
      if (texts.includes('late')) seen.push(engine.batches.length);
      // Each batch brings a single request of another group.
      if (late.length < 10) {
        late.push(batcher.run('late', { group: `g${late.length}`, priority }));
        seen.push(-engine.batches.length);
      }
      void turn().then(turn).then(turn).then(end);
    };
    engine.batches[0]?.end();
    await Promise.all(rush);
    await Promise.all(late);
    const came = seen.filter((batch) => batch < 0).map((batch) => -batch);
    const ran = seen.filter((batch) => batch > 0);
    for (const [i, batch] of came.entries()) expect((ran[i] ?? 0) - batch).toBeLessThanOrEqual(1);
  });
});

describe('groups', () => {
  it('that all have work get the same tokens, to a batch, while they have', async () => {
    const text = fc.integer({ min: 1, max: 30 });
    const groups = fc.array(fc.array(text, { minLength: 1, maxLength: 40 }), {
      minLength: 2,
      maxLength: 6,
    });
    const property = fc.asyncProperty(
      groups,
      fc.integer({ min: 30, max: 120 }),
      async (lengths, maxBatchTokens) => {
        const { engine, batcher } = await makeBusy({ maxBatchTokens, maxQueue: 10_000 });
        const runs = lengths.flatMap((own, group) =>
          own.map((length) => batcher.run(String(group).repeat(length), { group: `${group}` })),
        );
        engine.onBatch = ({ end }) => void turn().then(turn).then(turn).then(turn).then(end);
        const served = lengths.map(() => 0);
        const total = lengths.map((own) => own.reduce((a, b) => a + b, 0));
        await turn();
        await turn();
        engine.batches[0]?.end();
        await Promise.all(runs);
        for (const { texts } of engine.batches.slice(1)) {
          for (const one of texts) {
            const group = Number(one[0]);
            served[group] = (served[group] ?? 0) + one.length;
          }
          const open = served.filter((tokens, group) => tokens < (total[group] ?? 0));
          // Ahead by a text of at most 30 tokens, and by what a batch took of others whose texts were not tokenized yet.
          const spread = Math.max(0, ...open) - Math.min(...open);
          if (open.length > 1) expect(spread).toBeLessThanOrEqual(30 + maxBatchTokens);
        }
        expect(batcher.metrics()).toMatchObject({ queued: 0, queuedTokens: 0, running: 0 });
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it('leave nothing behind in a line when their requests are gone', async () => {
    const { engine, batcher } = await makeBusy({ maxQueue: 10_000 });
    engine.onBatch = ({ end }) => end();
    const stop = new AbortController();
    const runs = Array.from({ length: 500 }, (_, i) =>
      outcome(batcher.run('x', { group: `g${i}`, ...(i % 3 === 0 && { signal: stop.signal }) })),
    );
    await turn();
    stop.abort();
    engine.batches[0]?.end();
    await Promise.all(runs);
    const { lines } = batcher as unknown as { lines: { lines: Record<string, RequestLine> } };
    for (const line of Object.values(lines.lines)) {
      expect(line).toBeInstanceOf(RequestLine);
      expect([line.size, line.groupCount]).toEqual([0, 0]);
    }
  });

  it('share a batch only where one runner computes them', async () => {
    const engine = new FakeEngine();
    const batcher = new Batcher<string>(engine, { maxWaitMs: 0 });
    const begin = engine.begin.bind(engine);
    // Texts with a capital letter are computed in another way.
    const other = engine.begin('').work.runner;
    engine.begin = (input) => {
      const call = begin(input);
      const isOther = /^[A-Z]/.test(String(input));
      return isOther ? { ...call, work: { ...call.work, runner: { ...other } } } : call;
    };
    const runs = ['a', 'B', 'c', 'D', 'e'].map((text) => batcher.run(text));
    engine.onBatch = ({ end }) => end();
    expect(await Promise.all(runs)).toEqual(['a', 'B', 'c', 'D', 'e']);
    expect(engine.batches.map(({ texts }) => texts)).toEqual([['a', 'c', 'e'], ['B'], ['D']]);
  });

  it('are strings', async () => {
    const { batcher } = await makeBusy();
    await expect(batcher.run('a', { group: 1 as never })).rejects.toThrow(
      new TypeError('run: group must be a string, got 1'),
    );
  });
});

describe('limits of a group', () => {
  it('refuse its own requests only, and say so', async () => {
    const { engine, batcher } = await makeBusy({ maxGroupQueue: 2, maxQueue: 4 });
    const taken = ['a', 'b'].map((text) => batcher.run(text, { group: 'one' }));
    await expect(batcher.run('c', { group: 'one', priority: 'bulk' })).rejects.toMatchObject({
      code: 'OVERLOADED',
      message: 'run: 2 requests of the group "one" wait already',
      details: { queued: 2, queuedTokens: expect.any(Number), group: 'one', retryAfterMs: 1000 },
    });
    taken.push(...['d', 'e'].map((text) => batcher.run(text, { group: 'two' })));
    await expect(batcher.run('f', { group: 'three' })).rejects.toThrow(
      /^run: 4 requests wait already$/,
    );
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await Promise.all(taken)).toEqual(['a', 'b', 'd', 'e']);
    expect(await batcher.run('c', { group: 'one' })).toBe('c');
    expect(batcher.metrics().rejected).toBe(2);
  });

  it('count tokens, but never refuse a request that would wait alone', async () => {
    const { engine, batcher } = await makeBusy({ maxGroupTokens: 10 });
    const long = batcher.run('x'.repeat(400), { group: 'one' });
    await expect(batcher.run('c', { group: 'one' })).rejects.toThrow(
      /^run: \d+ tokens of the group "one" wait already$/,
    );
    const other = batcher.run('d', { group: 'two' });
    engine.onBatch = ({ end }) => end();
    engine.batches[0]?.end();
    expect(await long).toHaveLength(400);
    expect(await other).toBe('d');
  });

  it('are checked when the batcher is made', () => {
    expect(() => new Batcher(new FakeEngine(), { maxGroupQueue: 0 })).toThrow(
      new RangeError('batch: maxGroupQueue must be a whole number from 1, got 0'),
    );
  });
});

describe('a queue of one group', () => {
  it('has no tokens when it is empty', () => {
    const queue = new GroupQueue(7);
    expect([queue.size, queue.tokens, queue.hasReady, queue.served]).toEqual([0, 0, false, 7]);
  });
});
