/**
 * The numbers of models do not change by a bit: from version to version, from machine to machine, at every ISA level.
 *
 * hashes.json holds what was computed on 2026-11-30. A change that is meant to change numbers writes it anew with
 * `node test/bits/child.mjs dist/index.js minilm,encoders,training,minilm-training` and says why in docs/decisions.md.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { isa } from '../kernels/native-test.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const expected = JSON.parse(readFileSync(path('hashes.json'), 'utf8')) as Record<string, string>;

/** Seconds on an idle machine. */
const LONG = { timeout: 600_000 };

async function hashesAt(level: string, groups: string): Promise<Record<string, string>> {
  const args = [path('child.mjs'), path('../../dist/index.js'), groups];
  const env = { ...process.env, SINTER_ISA: level };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const result = JSON.parse(stdout) as { isa: string; hashes: Record<string, string> };
  expect(result.isa).toBe(level);
  return result.hashes;
}

/** The scalar level takes minutes for MiniLM; its kernels are compared with the others' in test/kernels. */
const groupsAt = (level: string) =>
  level === 'scalar' ? ['encoders,training'] : ['minilm', 'encoders,training', 'minilm-training'];

describe.each(isa().host)('at the level %s', (level) => {
  it.each(groupsAt(level))('the bits of %s are as they were', LONG, async (groups) => {
    const hashes = await hashesAt(level, groups);
    // Encoders that only ../shared has are missing in a plain checkout.
    const due = Object.keys(hashes).map((name) => [name, expected[name]]);
    expect(due.length).toBeGreaterThan(0);
    expect(hashes).toEqual(Object.fromEntries(due));
  });
});
