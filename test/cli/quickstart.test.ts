/**
 * The quickstart in a small setting: every file is there, and the report says what was found.
 */
import { readFile, stat } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Outcome, Scratch, sinter } from './support.js';

const scratch = new Scratch();
const SMALL = ['quickstart', '--rows-per-intent', '1', '--epochs', '1'];
let outcome: Outcome;

interface Findings {
  readonly trainRows: number;
  readonly testRows: number;
  readonly onnxruntime: string | null;
  readonly sizes: Readonly<Record<string, number>>;
  readonly comparison: {
    readonly speeds: readonly { readonly engine: string; readonly tokensPerSecond: number }[];
    readonly agreements: readonly { readonly precision: string; readonly sameTop: number }[];
  };
}

beforeAll(async () => {
  outcome = await sinter([...SMALL, '--out', scratch.path('out')]);
}, 180_000);

describe('quickstart', () => {
  it('tells every step', () => {
    expect(outcome.code).toBe(0);
    for (const step of [1, 2, 3, 4, 5, 6]) expect(outcome.stdout).toContain(`\n${step}/6  `);
    expect(outcome.stdout).toContain('report.html');
    expect(outcome.stdout).not.toMatch(/undefined|NaN/);
  });

  it('writes models, ONNX files and its findings', async () => {
    const text = await readFile(scratch.path('out', 'quickstart.json'), 'utf8');
    const findings = JSON.parse(text) as Findings;
    expect(findings).toMatchObject({ trainRows: 77, testRows: 77 });
    for (const [file, bytes] of Object.entries(findings.sizes)) {
      expect((await stat(scratch.path('out', file))).size).toBe(bytes);
    }
    expect(Object.keys(findings.sizes)).toHaveLength(4);
    for (const { tokensPerSecond } of findings.comparison.speeds) {
      expect(tokensPerSecond).toBeGreaterThan(0);
    }
  });

  it('agrees with ONNX Runtime', async (test) => {
    const text = await readFile(scratch.path('out', 'quickstart.json'), 'utf8');
    const { comparison, onnxruntime } = JSON.parse(text) as Findings;
    test.skip(onnxruntime === null, 'onnxruntime-node is not installed');
    expect(comparison.speeds.map(({ engine }) => engine)).toEqual([
      'sinter',
      'onnxruntime',
      'sinter',
      'onnxruntime',
    ]);
    const f32 = comparison.agreements.find(({ precision }) => precision === 'f32');
    expect(f32?.sameTop).toBe(1);
  });

  it('the report is one page without gaps', async () => {
    const html = await readFile(scratch.path('out', 'report.html'), 'utf8');
    expect(html.startsWith('<!doctype html>')).toBe(true);
    expect(html).toContain('Banking77');
    expect(html).toContain('<svg');
    expect(html).not.toMatch(/>(undefined|NaN|null)</);
  });

  it('refuses a folder that it did not make, before any work', async () => {
    await scratch.file('mine', '');
    const { code, stdout } = await sinter([...SMALL, '--out', scratch.path()]);
    expect(code).toBe(2);
    expect(stdout).not.toContain('1/6');
  });

  it('Ctrl+C leaves the older folder as it was', async () => {
    const before = await stat(scratch.path('out', 'quickstart.json'));
    const args = ['quickstart', '--rows-per-intent', '1', '--epochs', '1000'];
    let isSent = false;
    const stopped = await sinter([...args, '--out', scratch.path('out')], {
      onStderr: (text, child) => {
        if (isSent || !text.includes('epoch 1/')) return;
        isSent = true;
        child.kill('SIGINT');
      },
    });
    expect(stopped.code).toBe(130);
    expect((await stat(scratch.path('out', 'quickstart.json'))).mtimeMs).toBe(before.mtimeMs);
    expect((await scratch.names()).sort()).toEqual(['mine', 'out']);
  }, 120_000);
});
