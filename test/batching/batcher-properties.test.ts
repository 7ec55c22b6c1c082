/**
 * Random arrivals, priorities, aborts and disposals: every call settles once and with the right end, lines keep their
 * order, limits hold, and the books are balanced.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batcher } from '../../lib/batching/batcher.js';
import type { Priority } from '../../lib/core/priority.js';
import { FakeEngine, outcome, until } from './fake-engine.js';

interface Call {
  readonly length: number;
  readonly priority: Priority;
  /** Turns of the event loop before the call, and from it to its abort. */
  readonly gap: number;
  readonly abortAfter: number | null;
  readonly kind: 'good' | 'bad' | 'poison';
  readonly group: string;
  readonly timeoutMs: number | null;
}

const call: fc.Arbitrary<Call> = fc.record({
  length: fc.integer({ min: 4, max: 12 }),
  priority: fc.constantFrom('interactive', 'bulk'),
  gap: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 6 })),
  abortAfter: fc.option(fc.integer({ min: 0, max: 12 }), { freq: 3 }),
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('good' as const) },
    fc.constantFrom('bad' as const, 'poison' as const),
  ),
  group: fc.constantFrom('', '', 'a', 'b'),
  timeoutMs: fc.option(fc.integer({ min: 1, max: 20 }), { freq: 4 }),
});

const scenario = fc.record({
  calls: fc.array(call, { minLength: 1, maxLength: 40 }),
  maxBatchTokens: fc.integer({ min: 1, max: 40 }),
  maxQueue: fc.integer({ min: 1, max: 30 }),
  maxGroupQueue: fc.integer({ min: 1, max: 30 }),
  maxWaitMs: fc.constantFrom(0, 0, 1),
  runTurns: fc.integer({ min: 0, max: 8 }),
  encodeDelayMs: fc.constantFrom(0, 0, 1),
  end: fc.constantFrom('drain', 'dispose', 'model'),
});

async function turns(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await new Promise((done) => setImmediate(done));
}

const textOf = ({ kind, length }: Pick<Call, 'kind' | 'length'>, i: number) =>
  kind === 'good' ? String(i).padEnd(length, '.') : kind;

describe('a batcher', () => {
  it('settles every call once, in order, within its limits', async () => {
    const property = fc.asyncProperty(scenario, async ({ calls, end, runTurns, ...rest }) => {
      const { maxBatchTokens, maxQueue, maxGroupQueue, maxWaitMs } = rest;
      const engine = new FakeEngine();
      engine.encodeDelayMs = rest.encodeDelayMs;
      const limits = { maxBatchTokens, maxQueue, maxGroupQueue, maxWaitMs, maxBulkWaitMs: 60_000 };
      const batcher = new Batcher<string>(engine, limits);
      const running = { interactive: 0, bulk: 0 };
      engine.onBatch = ({ end: endBatch, tokens, texts, signal, priority }) => {
        running[priority]++;
        expect(running[priority], 'one batch of a priority at a time').toBe(1);
        expect(texts.length === 1 || tokens <= maxBatchTokens).toBe(true);
        let over = false;
        // An abort may come just behind the end, before the batcher has heard of it.
        const finish = () => {
          if (!over) running[priority]--;
          over = true;
        };
        signal.addEventListener('abort', finish, { once: true });
        void turns(runTurns).then(() => {
          finish();
          endBatch();
        });
      };
      const settled = calls.map(() => 0);
      const ends: Promise<string>[] = [];
      for (const [i, { priority, gap, abortAfter, group, timeoutMs, ...made }] of calls.entries()) {
        await turns(gap);
        const controller = new AbortController();
        const { signal } = controller;
        const text = textOf(made, i);
        const limit = timeoutMs === null ? {} : { timeoutMs };
        const promise = batcher.run(text, { priority, signal, group, ...limit });
        const count = () => {
          settled[i] = (settled[i] ?? 0) + 1;
        };
        promise.then(count, count);
        ends.push(outcome(promise));
        if (abortAfter !== null) void turns(abortAfter).then(() => controller.abort());
        expect(batcher.metrics().queued).toBeLessThanOrEqual(maxQueue);
      }
      if (end === 'drain') await batcher.drain();
      if (end === 'dispose') await batcher.dispose();
      if (end === 'model') engine.model.abort();
      const outcomes = await Promise.all(ends);
      await batcher.dispose();
      expect(settled).toEqual(calls.map(() => 1));

      for (const [i, made] of calls.entries()) {
        const allowed = ['OVERLOADED'];
        if (made.kind === 'good') allowed.push(textOf(made, i));
        if (made.kind === 'bad') allowed.push('RangeError');
        if (made.kind === 'poison') allowed.push('INVALID_DATA');
        if (made.abortAfter !== null || made.timeoutMs !== null) allowed.push('CANCELLED');
        if (end !== 'drain') allowed.push('DISPOSED');
        expect(allowed).toContain(outcomes[i]);
      }
      const metrics = batcher.metrics();
      const tally = (...codes: string[]) => outcomes.filter((code) => codes.includes(code)).length;
      expect(metrics).toMatchObject({ queued: 0, queuedTokens: 0, running: 0 });
      expect(metrics.rejected).toBe(tally('OVERLOADED'));
      expect(metrics.cancelled).toBe(tally('CANCELLED'));
      expect(metrics.failed).toBe(tally('DISPOSED', 'RangeError', 'INVALID_DATA'));
      expect(metrics.requests).toBe(calls.length - metrics.rejected);
      expect(metrics.completed).toBe(metrics.requests - metrics.cancelled - metrics.failed);
      // Within a group and priority, texts run in the order of their calls. The texts of a failed batch run again one by one.
      const lines = ['interactive', 'bulk'].flatMap((priority) =>
        ['', 'a', 'b'].map((group) => ({ priority, group })),
      );
      for (const { priority, group } of lines) {
        const seen = engine.batches
          .flatMap(({ texts }) => texts)
          .filter((text) => text !== 'poison')
          .map((text) => Number.parseInt(text, 10));
        const own = [...new Set(seen)].filter(
          (i) => calls[i]?.priority === priority && calls[i]?.group === group,
        );
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
    });
    await fc.assert(property, { numRuns: 150 });
  });

  it('never runs bulk work while an interactive request waits, unless it is due', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.constantFrom<Priority>('interactive', 'bulk'), { minLength: 2, maxLength: 30 }),
      fc.integer({ min: 5, max: 30 }),
      async (priorities, maxBatchTokens) => {
        const engine = new FakeEngine();
        const batcher = new Batcher<string>(engine, { maxBatchTokens, maxBulkWaitMs: 60_000 });
        const first = batcher.run('first');
        await until(() => engine.batches.length === 1);
        const runs = priorities.map((priority, i) => batcher.run(`${i}${priority}`, { priority }));
        engine.onBatch = ({ end }) => end();
        engine.batches[0]?.end();
        await Promise.all([first, ...runs]);
        const order = engine.batches.slice(1).flatMap(({ texts }) => texts);
        const of = (name: string) => order.filter((text) => text.endsWith(name));
        expect(order).toEqual([...of('interactive'), ...of('bulk')]);
        await batcher.dispose();
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });
});
