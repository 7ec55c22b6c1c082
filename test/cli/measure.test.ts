/**
 * The arithmetic of measuring, comparing and printing vectors.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { speedRatio } from '../../lib/cli/compare-table.js';
import { describeFailure } from '../../lib/cli/failure.js';
import { measure } from '../../lib/cli/measure.js';
import { npyHeader } from '../../lib/cli/npy.js';
import { createProgram } from '../../lib/cli/program.js';
import { SinterError } from '../../lib/core/errors.js';
import { median } from '../../lib/core/median.js';
import { shortFloat } from '../../lib/core/short-float.js';
import { COMPARISONS, cosine } from '../../lib/metrics/comparisons.js';

describe('median', () => {
  it('is the middle, or the mean of two', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(median([])).toBeNaN();
  });
});

describe('measure', () => {
  it('runs every candidate in every round and leaves the warm-up out', async () => {
    const order: string[] = [];
    const candidate = (name: string) => ({ name, run: async () => void order.push(name) });
    let runs = 0;
    const timings = await measure([candidate('a'), candidate('b')], {
      rounds: 2,
      onRun: () => {
        runs += 1;
      },
    });
    expect(order.join('')).toBe('ababab');
    expect(runs).toBe(6);
    expect(timings.map(({ name, rounds }) => [name, rounds.length])).toEqual([
      ['a', 2],
      ['b', 2],
    ]);
  });

  it('stops when it is cancelled', async () => {
    const abort = new AbortController();
    const run = async () => abort.abort();
    const measured = measure([{ name: 'a', run }], { rounds: 3, signal: abort.signal });
    await expect(measured).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('speedRatio', () => {
  it('needs both engines in one precision', () => {
    const speed = (engine: 'sinter' | 'onnxruntime', tokensPerSecond: number) => ({
      engine,
      precision: 'f32',
      tokensPerSecond,
      textsPerSecond: 1,
      rounds: [1],
    });
    expect(speedRatio([speed('sinter', 30), speed('onnxruntime', 20)], 'f32')).toBe(1.5);
    expect(speedRatio([speed('sinter', 30)], 'f32')).toBeNull();
    expect(speedRatio([speed('sinter', 30), speed('onnxruntime', 20)], 'int8')).toBeNull();
  });
});

describe('cosine', () => {
  it('is 1, 0 and -1 where it must be', () => {
    const x = Float32Array.of(3, 4);
    expect(cosine(x, Float32Array.of(6, 8))).toBeCloseTo(1, 12);
    expect(cosine(x, Float32Array.of(-4, 3))).toBe(0);
    expect(cosine(x, Float32Array.of(-3, -4))).toBeCloseTo(-1, 12);
    expect(cosine(x, Float32Array.of(0, 0))).toBe(0);
  });
});

describe('vectors as text', () => {
  it('every f32 reads back as itself', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (value) => {
        expect(Math.fround(Number(String(shortFloat(value))))).toBe(value + 0);
      }),
    );
  });

  it('is short', () => {
    expect(shortFloat(Math.fround(0.1))).toBe(0.1);
  });

  it('.npy headers end on a multiple of 64 for any shape', () => {
    for (const [rows, cols] of [
      [0, 0],
      [1, 384],
      [2 ** 40, 2 ** 20],
    ] as const) {
      const header = Buffer.from(npyHeader(rows, cols));
      expect(header.length % 64).toBe(0);
      expect(header.toString('latin1')).toContain(`(${rows}, ${cols})`);
      expect(header.at(-1)).toBe(10);
    }
  });
});

it('similarities have the names of sentence-transformers, and are larger for nearer vectors', () => {
  const [a, b] = [Float32Array.of(1, 2, 2), Float32Array.of(4, 6, 2)];
  const found = Object.entries(COMPARISONS).map(([name, of]) => [name, of(a, b)]);
  expect(found).toEqual([
    ['cosine', 20 / Math.sqrt(9 * 56)],
    ['dot', 20],
    ['euclidean', -5],
    ['manhattan', -7],
  ]);
});

describe('describeFailure', () => {
  const quiet = { cancelled: false, stack: false, command: 'embed' };

  it('shows control characters instead of obeying them', () => {
    const error = new SinterError('INVALID_DATA', 'label "\u001b[2Jx"');
    expect(describeFailure(error, quiet).text).toBe('error: label "\\u001b[2Jx"\n');
  });

  it('an abort says so, whatever it came as', () => {
    const error = new Error('the operation was aborted');
    const { text, exitCode } = describeFailure(error, { ...quiet, cancelled: true });
    expect({ text, exitCode }).toEqual({ text: 'cancelled\n', exitCode: 130 });
  });

  it('a defect asks for its stack', () => {
    const { text, exitCode } = describeFailure(new Error('boom'), quiet);
    expect(exitCode).toBe(1);
    expect(text).toContain('SINTER_DEBUG=1');
    const { text: traced } = describeFailure(new Error('boom'), { ...quiet, stack: true });
    expect(traced).toMatch(/^ +at /m);
    expect(traced).not.toContain('SINTER_DEBUG');
  });

  it.each([
    ['inspect', 'my-model/config.json', false],
    ['embed', 'my-model/config.json', true],
    ['embed', 'model.onnx', false],
    ['convert', 'MODEL.ONNX', false],
  ])('%s of a bad %s: sinter inspect is named where it says more: %s', (command, file, named) => {
    for (const code of ['UNSUPPORTED_MODEL', 'CORRUPT_MODEL'] as const) {
      const error = new SinterError(code, `${file}: no`, { details: { file } });
      const { text } = describeFailure(error, { ...quiet, command });
      expect(text.includes('sinter inspect')).toBe(named);
    }
  });

  it('memory: the options named are those of the command', () => {
    const program = createProgram({
      stdout: process.stdout,
      stderr: process.stderr,
      signal: new AbortController().signal,
      args: [],
    });
    const error = new SinterError('OUT_OF_MEMORY', 'too large');
    for (const command of program.commands) {
      const { text } = describeFailure(error, { ...quiet, command: command.name() });
      const own = command.options.map(({ long }) => long);
      for (const [option] of text.matchAll(/--[a-z-]+/g)) expect(own).toContain(option);
    }
  });

  it('a cause is shown with the stack', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    expect(describeFailure(error, { ...quiet, stack: true }).text).toContain(
      'caused by Error: inner',
    );
  });
});
