// As word-pieces.test.ts, for every code point and 100,000 texts: a new version of the `tokenizers` package may have other Unicode tables.
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { changed } from './tokenizer-kinds.js';
import { compare, randomTexts } from './word-pieces.js';

const bert = (rules: Readonly<Record<string, boolean>> = {}) =>
  changed('bert', {
    normalizer: {
      ...{ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true },
      ...{ strip_accents: true, lowercase: true, ...rules },
    },
  });

/** Texts of 64 code points each, with letters between them. */
function* allCodePoints(): Generator<string> {
  for (let first = 0; first <= 0x10ffff; first += 64) {
    if (first >= 0xd800 && first <= 0xdfff) continue;
    const points = Array.from({ length: 64 }, (_, i) => String.fromCodePoint(first + i));
    yield `a${points.join('a')}a`;
  }
}

it.each([{}, { strip_accents: false }, { clean_text: false, lowercase: false }])(
  'all code points, %j',
  async (rules) => {
    const texts = [...allCodePoints()];
    const { different, refused } = await compare(await bert(rules), texts);
    expect(different).toEqual([]);
    expect(refused).toBeLessThan(100);
  },
);

it('100,000 texts of many scripts', async () => {
  const file = new URL('../../models/all-MiniLM-L6-v2/tokenizer.json', import.meta.url);
  const tokenizer = JSON.parse(await readFile(file, 'utf8')) as JsonObject;
  for (let part = 0; part < 20; part++) {
    const { different } = await compare(tokenizer, randomTexts(5000, 100 + part));
    expect(different).toEqual([]);
  }
});
