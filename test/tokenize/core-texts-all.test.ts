// As word-pieces.test.ts and byte-pairs.test.ts, for every code point and 100,000 texts: a new version of the `tokenizers` package may have
// other Unicode tables.
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { bytePairs, compare, randomTexts, wordPieces } from './core-texts.js';
import { grown, withJoins } from './grown-pairs.js';
import { changed } from './tokenizer-kinds.js';

const bert = (rules: Readonly<Record<string, boolean>> = {}) =>
  changed('bert', {
    normalizer: {
      ...{ type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true },
      ...{ strip_accents: true, lowercase: true, ...rules },
    },
  });

/** Texts of some code points each, with `between` around them. */
function* allCodePoints(between: string, each: number): Generator<string> {
  for (let first = 0; first <= 0x10ffff; first += each) {
    if (first >= 0xd800 && first <= 0xdfff) continue;
    const points = Array.from({ length: each }, (_, i) => String.fromCodePoint(first + i));
    yield `${between}${points.join(between)}${between}`;
  }
}

describe('WordPiece', () => {
  it.each([{}, { strip_accents: false }, { clean_text: false, lowercase: false }])(
    'all code points, %j',
    async (rules) => {
      const tokenizer = await bert(rules);
      const texts = [...allCodePoints('a', 64)];
      const core = wordPieces(tokenizer);
      const { different, refused } = await compare(core, tokenizer, texts, true);
      expect(different).toEqual([]);
      expect(refused).toBeLessThan(100);
    },
  );

  it('100,000 texts of many scripts', async () => {
    const file = new URL('../../models/all-MiniLM-L6-v2/tokenizer.json', import.meta.url);
    const tokenizer = JSON.parse(await readFile(file, 'utf8')) as JsonObject;
    const core = wordPieces(tokenizer);
    for (let part = 0; part < 20; part++) {
      const { different } = await compare(core, tokenizer, randomTexts(5000, 100 + part), true);
      expect(different).toEqual([]);
    }
  });
});

describe('byte pairs', () => {
  it.each(['a', '1', '.', ' '])('all code points between %j', async (between) => {
    const joins = await withJoins(['a', '1', '.', 'Ġ']);
    const texts = [...allCodePoints(between, 32)];
    // Half of the code points are assigned to nothing, which is left to the package where texts are composed.
    const ways = between === 'a' ? [null, { type: 'NFC' }] : [null];
    for (const normalizer of ways) {
      const tokenizer = { ...joins, normalizer };
      const core = bytePairs(tokenizer);
      const { different, refused } = await compare(core, tokenizer, texts, false);
      expect(different).toEqual([]);
      expect(refused).toBeLessThanOrEqual(normalizer === null ? 0 : 32_000);
    }
  });

  it('100,000 texts of many scripts', async () => {
    const tokenizer = await grown(randomTexts(400, 8), 2000);
    const core = bytePairs(tokenizer);
    for (let part = 0; part < 20; part++) {
      const texts = randomTexts(5000, 200 + part);
      const { different, refused } = await compare(core, tokenizer, texts, false);
      expect(different).toEqual([]);
      expect(refused).toBeLessThan(500);
    }
  });
});
