/**
 * Everything wrong that a caller can hand to the border gives an error with a code, never a crash.
 *
 * The cases run in plain child processes (abuse.mjs); when one dies, the next child goes on after the fatal case.
 */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

interface CaseResult {
  readonly index: number;
  readonly name: string;
  readonly expected: string;
  /** null: the process died in this case. */
  readonly got: string | null;
}

const script = fileURLToPath(new URL('abuse.mjs', import.meta.url));

/** Results of the cases from `first` on, up to the end or a crash; how the process ended. */
function runFrom(first: number): { results: Map<number, CaseResult>; end: string } {
  const { stdout, stderr, status, signal } = spawnSync(
    process.execPath,
    ['--expose-gc', script, String(first)],
    { encoding: 'utf8', maxBuffer: 1 << 26 },
  );
  const results = new Map<number, CaseResult>();
  for (const line of stdout.split('\n')) {
    if (line === '') continue;
    const result = JSON.parse(line) as CaseResult;
    results.set(result.index, result);
  }
  return { results, end: status === 0 ? '' : `${signal ?? status}: ${stderr.slice(-2000)}` };
}

const results = new Map<number, CaseResult>();
const crashes: string[] = [];
for (let first = 0; crashes.length < 5; ) {
  const part = runFrom(first);
  for (const [index, result] of part.results) results.set(index, result);
  if (part.end === '') break;
  const last = [...part.results.values()].at(-1);
  crashes.push(`${last?.name ?? 'before the first case'}: ${part.end}`);
  if (last === undefined) break;
  first = last.index + 1;
}

it('survives every case', () => {
  expect(crashes).toEqual([]);
  expect(results.size).toBeGreaterThan(200);
});

describe('border', () => {
  it.each([...results.values()])('$name: $expected', ({ expected, got }) => {
    expect(got).toBe(expected);
  });
});
