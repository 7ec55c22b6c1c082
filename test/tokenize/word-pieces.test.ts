// The core's WordPiece gives the tokens and places of the `tokenizers` package, and leaves to it what it does not read.
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { layoutOf } from '../../lib/tokenize/template-layout.js';
import { TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import type { TokenizerInstances } from '../../lib/tokenize/tokenizer-instances.js';
import { compare, randomTexts, wordPieces } from './core-texts.js';
import { changed } from './tokenizer-kinds.js';

const RULES: readonly (readonly [string, Readonly<Record<string, boolean | null>>])[] = [
  [
    'all rules',
    { clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  ],
  [
    'cased',
    { clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: false },
  ],
  [
    'accents kept',
    { clean_text: true, handle_chinese_chars: true, strip_accents: false, lowercase: true },
  ],
  [
    'only accents',
    { clean_text: false, handle_chinese_chars: false, strip_accents: true, lowercase: false },
  ],
  [
    'no rule',
    { clean_text: false, handle_chinese_chars: false, strip_accents: false, lowercase: false },
  ],
];

const bert = (rules: Readonly<Record<string, boolean | null>> = {}) =>
  changed('bert', { normalizer: { type: 'BertNormalizer', ...RULES[0]?.[1], ...rules } });

const compared = (tokenizer: JsonObject, texts: readonly string[]) =>
  compare(wordPieces(tokenizer), tokenizer, texts, true);

describe.each(RULES)('BERT texts: %s', (_, rules) => {
  it('have the tokens and places of the package', async () => {
    const tokenizer = await bert(rules);
    const { different, refused } = await compared(tokenizer, randomTexts(1500, 3));
    expect(different).toEqual([]);
    expect(refused).toBeLessThan(150);
  });
});

it('without a normalizer too', async () => {
  const tokenizer = await changed('bert', { normalizer: null });
  const { different } = await compared(tokenizer, randomTexts(500, 4));
  expect(different).toEqual([]);
});

it.each([
  ['a word over the limit', `${'a'.repeat(100)} ${'b'.repeat(101)}`],
  ['halves of surrogate pairs', 'a\ud83d b\ude00c \ud83d\ude00'],
  ['Hangul, whole and in letters', '한국어 \u1112\u1161\u11ab'],
  ['a Greek question mark, which becomes a semicolon', 'a\u037eb'],
  ['a dotted capital I', 'İstanbul ISTANBUL'],
  ['compatibility ideographs', '豈更 \ufa0e'],
  ['blanks of all kinds', 'a\u00a0b\u3000c\u2028d\u0085e\tf\u200bg'],
  ['nothing but what is dropped', '\u0000\ufffd\u0301'],
])('%s', async (_, text) => {
  const { different, refused } = await compared(await bert(), [text]);
  expect(different).toEqual([]);
  expect(refused).toBe(0);
});

describe('texts for the package', () => {
  it('may have an added token', async () => {
    const pieces = wordPieces(await bert());
    const read = pieces?.encode(['a [MASK] b', 'a [mask] b', '[SEP]'], true);
    expect(read?.map((one) => one === null)).toEqual([true, false, true]);
  });

  it('have a mark that order may move', async () => {
    const pieces = wordPieces(await bert());
    expect(pieces?.encode(['a\u{1d165}\u{1d16e}', 'a'], true).map((one) => one === null)).toEqual([
      true,
      false,
    ]);
  });
});

describe('a tokenizer of another kind', () => {
  const added = { single_word: false, lstrip: false, rstrip: false, special: false };
  it.each<readonly [string, JsonObject]>([
    ['another normalizer', { normalizer: { type: 'Lowercase' } }],
    ['another pre-tokenizer', { pre_tokenizer: { type: 'Whitespace' } }],
    [
      'an added token in the normalized text',
      { added_tokens: [{ ...added, id: 5, content: 'the', normalized: true }] },
    ],
    [
      'an added token beyond the vocabulary',
      { added_tokens: [{ ...added, id: 99_999, content: 'zzz', normalized: false }] },
    ],
  ])('%s', async (_, parts) => {
    expect(wordPieces(await changed('bert', parts))).toBe(null);
  });

  it('no pre-tokenizer, and another model', async () => {
    expect(wordPieces(await changed('bert', { pre_tokenizer: null }))).toBe(null);
    expect(wordPieces(await changed('roberta-seqcls', {}))).toBe(null);
  });
});

describe('the layout of special tokens', () => {
  it.each(['bert', 'mpnet', 'roberta-seqcls', 'modernbert'])(
    'is that of the package: %s',
    async (name) => {
      const tokenizer = await changed(name, {});
      const files = new Map([['tokenizer.json', JSON.stringify(tokenizer)]]);
      const whole = await TextTokenizer.fromFiles({
        source: 'test',
        tokenizer: {
          ...tokenizer,
          pre_tokenizer: { type: 'Sequence', pretokenizers: [tokenizer.pre_tokenizer ?? null] },
        },
        config: {},
        files,
      });
      const { instances } = whole as unknown as { readonly instances: TokenizerInstances };
      const asked = instances as unknown as { findLayout(pair: boolean): Promise<unknown> };
      for (const pair of [false, true]) {
        expect(layoutOf(tokenizer, pair)).toEqual(await asked.findLayout(pair));
      }
    },
  );

  it('is unknown without a template, or with one that leaves a text out', async () => {
    const single = [{ Sequence: { id: 'A', type_id: 0 } }];
    const template = { type: 'TemplateProcessing', single, pair: single, special_tokens: {} };
    expect(layoutOf({ post_processor: null }, false)).toBe(null);
    expect(layoutOf({ post_processor: template }, false)).not.toBe(null);
    expect(layoutOf({ post_processor: template }, true)).toBe(null);
  });
});
