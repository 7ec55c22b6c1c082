// Every test file is in exactly one project: the lists name files that are there, each of them once, and `native` has the rest.
import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LONGEST, SLOW, UNIT } from '../projects.js';
import { repository } from './scratch.js';

const named = [...UNIT, ...SLOW];

it('the lists of projects name test files that are there', () => {
  const files = readdirSync(`${repository}/test`, { recursive: true, encoding: 'utf8' });
  const there = new Set(files.map((file) => `test/${file.replaceAll('\\', '/')}`));
  expect(there.size).toBeGreaterThan(named.length);
  expect(named.filter((file) => !there.has(file) || !file.endsWith('.test.ts'))).toEqual([]);
});

it('none is named twice, and each list is sorted', () => {
  expect(new Set(named).size).toBe(named.length);
  for (const list of [UNIT, SLOW, LONGEST]) expect([...list].sort()).toEqual(list);
});

it('the longest files are of the slow project', () => {
  expect(LONGEST.filter((file) => !SLOW.includes(file))).toEqual([]);
});
