/**
 * The progress display, driven by a clock that the test moves.
 *
 * The rule: what is compared is exactly what a terminal or a log file would receive.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Progress, type ProgressOptions, progressMode } from '../../lib/cli/progress.js';
import { displayWidth } from '../../lib/cli/width.js';

// COLUMNS of the one who runs the tests would count before the width of the stand-in.
beforeAll(() => void vi.stubEnv('COLUMNS', undefined));
afterAll(() => void vi.unstubAllEnvs());

function start(options: Partial<ProgressOptions> & { columns?: number } = {}) {
  const written: string[] = [];
  let clock = 0;
  const stream = { write: (text: string) => written.push(text), columns: options.columns ?? 80 };
  const base = { label: 'training', total: 100, mode: 'bar' as const, now: () => clock };
  const progress = new Progress({ ...base, ...options, stream });
  /** Moves the clock, then reports. */
  const step = (ms: number, done: number, note?: string) => {
    clock += ms;
    progress.update(done, note);
  };
  return { progress, step, written };
}

describe('bar', () => {
  it('shows share, time left, rate and note, and closes with the time it took', () => {
    const { progress, step, written } = start({ unit: 'rows' });
    expect(written).toEqual([`\rtraining │${' '.repeat(30)}│   0 %\u001b[K`]);
    step(1000, 25, 'loss 1.5');
    expect(written[1]).toBe(
      `\rtraining │${'█'.repeat(7)}▌${' '.repeat(22)}│  25 %  3 s left, 25 rows/s, loss 1.5\u001b[K`,
    );
    step(3000, 100);
    progress.finish('loss 0.1');
    progress.finish();
    expect(written.at(-1)).toBe('\r\u001b[Ktraining: done in 4.0 s, loss 0.1\n');
    expect(written).toHaveLength(4);
  });

  it('redraws at most ten times a second', () => {
    const { step, written } = start({ total: 10_000 });
    for (let i = 1; i <= 1000; i++) step(1, i);
    expect(written.length).toBeLessThanOrEqual(11);
    expect(written.length).toBeGreaterThanOrEqual(10);
  });

  it('never fills the last column, whatever the width of the terminal', () => {
    for (let columns = 1; columns < 120; columns++) {
      const { step, written } = start({ columns, label: '训练', unit: 'rows' });
      step(1000, 40, 'loss 0.123456 and a rather long remark');
      for (const text of written) {
        const shown = text.replace('\r', '').replace('\u001b[K', '');
        expect(displayWidth(shown)).toBeLessThanOrEqual(Math.max(1, columns - 1));
      }
    }
  });

  it('follows a change of pace', () => {
    const { step, written } = start({ total: 1000 });
    for (let i = 1; i <= 60; i++) step(1000, i * 5);
    expect(written.at(-1)).toContain('2 min 20 s left');
    for (let i = 1; i <= 60; i++) step(1000, 300 + i);
    // 640 left at 1 a second; the old pace of 5 a second has a weight of exp(-4).
    expect(written.at(-1)).toMatch(/ (9|10) min \d\d s left/);
  });

  it('prints lines above the bar and clears it when the job fails', () => {
    const { progress, written } = start();
    progress.log('epoch 1: accuracy 80.00 %');
    expect(written[1]).toBe('\r\u001b[Kepoch 1: accuracy 80.00 %\n');
    expect(written[2]).toBe(written[0]);
    progress.stop();
    expect(written.at(-1)).toBe('\r\u001b[K');
  });

  it('never goes back, and copes with steps that take no time', () => {
    const { step, written } = start();
    step(0, 50);
    step(200, 40);
    expect(written.at(-1)).toContain(' 50 %');
    step(200, 500);
    expect(written.at(-1)).toContain('100 %');
    expect(written.join('')).not.toMatch(/NaN|Infinity|undefined/);
  });
});

describe('lines', () => {
  it('prints at most one line per tenth, and one at the end', () => {
    const { progress, step, written } = start({ mode: 'lines', total: 1000 });
    for (let i = 1; i <= 1000; i++) step(10, i);
    progress.finish();
    expect(written).toHaveLength(10);
    expect(written[0]).toBe('training: 10 %, 9 s left\n');
    expect(written.at(-1)).toBe('training: done in 10.0 s\n');
    expect(written.join('')).not.toContain('\u001b');
  });
});

describe('silent', () => {
  it('prints nothing', () => {
    const { progress, step, written } = start({ mode: 'silent' });
    step(1000, 50);
    progress.log('x');
    progress.finish();
    expect(written).toEqual([]);
  });
});

describe('progressMode', () => {
  const stream = { write: () => true };

  it('draws on terminals only, and never beside JSON', () => {
    expect(progressMode({ ...stream, isTTY: true }, { json: true })).toBe('silent');
    expect(progressMode({ ...stream, isTTY: true }, { quiet: true })).toBe('silent');
    expect(progressMode(stream)).toBe('lines');
  });

  it('respects a dumb terminal', () => {
    const before = process.env.TERM;
    try {
      process.env.TERM = 'xterm-256color';
      expect(progressMode({ ...stream, isTTY: true })).toBe('bar');
      process.env.TERM = 'dumb';
      expect(progressMode({ ...stream, isTTY: true })).toBe('lines');
    } finally {
      if (before === undefined) delete process.env.TERM;
      else process.env.TERM = before;
    }
  });
});

it('a job without work is refused', () => {
  expect(() => start({ total: 0 })).toThrow('total must be above 0, got 0');
});
