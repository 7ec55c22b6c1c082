/** Lanes, the job thread and the 16-bit formats, below everything else. */

import { describe, expect, it } from 'vitest';
import { bf16ToF32, f16ToF32 } from '../../lib/formats/float16.js';
import { bitsOf } from '../kernels/native-test.js';
import { base, queue } from './internals.js';

describe('Team', () => {
  const lanes = [1, 2, 3, 5, 8];

  it.each(lanes)('runs every index exactly once with %i lanes', (count) => {
    for (const indices of [0, 1, 2, 3, 7, 64, 1000]) {
      const log = base.team(count, indices, 5, -1);
      expect(log.hits.every((hits) => hits === 5)).toBe(true);
      expect(log).toMatchObject({ errors: 0, inside: 0, badLane: false });
    }
  });

  it.each(lanes)('survives thousands of small regions with %i lanes', (count) => {
    const log = base.team(count, 3, 4000, -1);
    expect([...log.hits]).toEqual([4000, 4000, 4000]);
    expect(log.inside).toBe(0);
  });

  it.each(lanes)('passes on an exception and goes on working with %i lanes', (count) => {
    const log = base.team(count, 100, 50, 20);
    expect(log.errors).toBe(50);
    expect(log.inside).toBe(0);
    expect(log.hits.every((hits) => hits <= 50)).toBe(true);
    expect(log.hits[20]).toBe(50);
  });

  it('starts and ends quickly, many times', () => {
    for (let i = 0; i < 50; i++) expect(base.team(4, 2, 1, -1).errors).toBe(0);
  });
});

describe('JobQueue', () => {
  it('runs jobs in order on one thread', () => {
    const { order, oneThread, alive } = base.jobQueue(500, false);
    expect(order).toEqual(Array.from({ length: 500 }, (_, i) => i));
    expect(oneThread).toBe(true);
    expect(alive).toBe(0);
  });

  it('finishes the running job, drops the rest and frees what they held', () => {
    const { order, alive } = base.jobQueue(50, true);
    expect(order).toEqual(order.map((_, i) => i));
    expect(order.length).toBeGreaterThan(0);
    expect(order.length).toBeLessThan(50);
    expect(alive).toBe(0);
  });
});

describe('urgent jobs', () => {
  it.each([1, 2, 3])('run each piece once and end once, beside bulk work of %i lanes', (lanes) => {
    const logs = queue.urgent(lanes, 200, 5, -1);
    const log = { hits: [1, 1, 1, 1, 1], whole: 0, ends: 1, errors: 0 };
    expect(logs).toEqual(Array(200).fill(log));
  });

  it.each([1, 2, 3])('end once when a piece fails, beside bulk work of %i lanes', (lanes) => {
    for (const [i, { hits, ...log }] of queue.urgent(lanes, 90, 4, 1).entries()) {
      expect(log).toEqual({ whole: 0, ends: 1, errors: i % 3 === 0 ? 1 : 0 });
      expect(hits.slice(0, 2)).toEqual([1, 1]);
      // Pieces that other lanes had taken are finished; the others are dropped.
      for (const hit of hits) expect(hit).toBeLessThanOrEqual(1);
      if (i % 3 !== 0) expect(hits).toEqual([1, 1, 1, 1]);
    }
  });

  it('run as a whole when nothing else runs', () => {
    for (const [i, log] of queue.urgent(0, 30, 3, 0).entries()) {
      const errors = i % 3 === 0 ? 1 : 0;
      expect(log).toEqual({ hits: [0, 0, 0], whole: 1, ends: 1, errors });
    }
  });
});

describe('a job that is dropped', () => {
  it('never runs; one that runs is not dropped', () => {
    expect(queue.drop()).toEqual({ drops: [false, true, true, false], ran: 101, ends: 0 });
  });
});

describe('the clock of the job thread', () => {
  it('counts jobs and not the time between them', () => {
    const start = performance.now();
    const busy = queue.busy(60);
    expect(busy).toBeGreaterThanOrEqual(60);
    // It then idles as long, however slow the machine is.
    expect(busy).toBeLessThan(performance.now() - start - 59);
  });
});

describe('16-bit formats', () => {
  const patterns = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const bytes = new Uint8Array(patterns.buffer);

  /** Bits of every value that is not NaN; NaN must stay NaN. */
  function expectSame(ours: Float32Array, reference: Float32Array): void {
    const [a, b] = [bitsOf(ours), bitsOf(reference)];
    const wrong = [...patterns].filter(
      (i) =>
        a[i] !== b[i] && !(Number.isNaN(ours[i] as number) && Number.isNaN(reference[i] as number)),
    );
    expect(wrong).toEqual([]);
  }

  it('widens every f16', () => {
    expectSame(base.widenF16(bytes), f16ToF32(patterns));
  });

  it('widens every bf16', () => {
    expectSame(base.widenBf16(bytes), bf16ToF32(patterns));
  });

  it('reads unaligned bytes', () => {
    const odd = new Uint8Array(bytes.length + 1);
    odd.set(bytes, 1);
    expectSame(base.widenF16(odd.subarray(1)), f16ToF32(patterns));
  });
});
