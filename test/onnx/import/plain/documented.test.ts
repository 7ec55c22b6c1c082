/**
 * The table of rules in the guide is the table in the code.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { RULES } from '../../../../lib/formats/onnx/import/plain/rules.js';

const GUIDE = fileURLToPath(new URL('../../../../docs/guide/onnx-import.md', import.meta.url));

it('the guide lists every rule as the code describes it', () => {
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const table = [
    '| rule | matches | writes |',
    '|---|---|---|',
    ...RULES.map(
      ({ name, matches, writes }) => `| \`${name}\` | ${cell(matches)} | ${cell(writes)} |`,
    ),
  ].join('\n');
  const text = readFileSync(GUIDE, 'utf8');
  const begin = text.indexOf('\n', text.indexOf('<!-- rules:'));
  const end = text.indexOf('<!-- end of rules -->');
  expect(begin).toBeGreaterThan(0);
  expect(end).toBeGreaterThan(begin);
  const wanted = `${text.slice(0, begin)}\n\n${table}\n\n${text.slice(end)}`;
  if (process.env.UPDATE_DOCS === '1') writeFileSync(GUIDE, wanted);
  expect(readFileSync(GUIDE, 'utf8')).toBe(wanted);
});
