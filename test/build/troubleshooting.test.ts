// docs/guide/troubleshooting.md has every error code and every exit code, and no others.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { EXIT_CODES } from '../../lib/cli/exit-codes.js';
import { ERROR_CODES } from '../../lib/core/errors.js';

const page = readFileSync(new URL('../../docs/guide/troubleshooting.md', import.meta.url), 'utf8');

function sorted(values: Iterable<string>): string[] {
  return [...values].sort();
}

it('has a section for every error code', () => {
  const [, part = ''] = /\n## Error codes\n([\s\S]*?)\n## /.exec(page) ?? [];
  const sections = [...part.matchAll(/^### `(\w+)`$/gm)].map(([, code = '']) => code);
  expect(sorted(sections)).toEqual(sorted(ERROR_CODES));
});

it('has a row for every exit code, which names the error codes that lead to it', () => {
  const [, part = ''] = /\n## Exit codes\n([\s\S]*?)\n## /.exec(page) ?? [];
  const rows = [...part.matchAll(/^\| (\d+) \|/gm)].map(([, code = '']) => code);
  expect(sorted(rows)).toEqual(sorted(Object.values(EXIT_CODES).map(String)));
  const named = [...part.matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map(([, code = '']) => code);
  expect(sorted(new Set(named))).toEqual(sorted(ERROR_CODES));
});
