// A long text is tokenized in pieces: whatever is in it, their tokens and places are those of the whole.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { tokenizerFrom } from '../../lib/tokenize/make-tokenizer.js';
import { Placer, type TokensWithOffsets } from '../../lib/tokenize/placed-tokens.js';
import { cutRuleOf } from '../../lib/tokenize/text-cut.js';
import { TextReader } from '../../lib/tokenize/text-reader.js';
import { TextWalk } from '../../lib/tokenize/text-walk.js';
import { TokenizerInstances } from '../../lib/tokenize/tokenizer-instances.js';
import { loadJson, small } from './hostile-folder.js';
import { KINDS } from './tokenizer-kinds.js';

const WORDS = [
  ...' |  |   |\n|\t|\r\n| \n |\u00a0|\u3000|\u2028|\u200b|\u0085'.split('|'),
  ...[
    'the',
    ' of',
    ' a',
    'red',
    ' unbelievable',
    "it's",
    " don't",
    'x-ray',
    '1',
    ' 23',
    '4567',
    ',',
    ', ',
    '. ',
    '...',
    '``',
    "''",
  ],
  ...[
    'é',
    'e\u0301',
    '\u0301',
    ' \u0301',
    'ﬁ',
    'İ',
    'Σας ',
    'ß ',
    '½',
    '①',
    '\u0d4e',
    '\u0d4e ',
    'ﷺ ',
    '\u037a ',
  ],
  ...[
    '中',
    '文字',
    '。',
    'か',
    'か\u3099',
    '가',
    '각',
    '\u1100',
    '\u1161',
    '\u11a8',
    ' \u1161',
    'שלום ',
    'مرحبا ',
    '\u0600 ',
    'ไทย ',
    'हिन्दी ',
  ],
  ...[
    '😀',
    ' 😀 ',
    '👨‍👩‍👧',
    '🇩🇪',
    '\u200d',
    '\ufe0f',
    '𝔘',
    ' 𝔘 ',
    '\u0000',
    '\ufffd',
    '▁',
    ' ▁',
    'Ġ',
  ],
  ...[
    '[MASK]',
    ' [MASK]',
    '[MASK] ',
    '<mask>',
    '  <mask>',
    '<mask>  ',
    '</s>',
    '<s> ',
    '[SEP]',
    '[',
    'MASK]',
    '<',
    'mask',
    '>',
  ],
  ...[
    'X'.repeat(30),
    'y'.repeat(150),
    'z'.repeat(700),
    '!'.repeat(40),
    ' '.repeat(40),
    '\n\n\n',
    'é'.repeat(120),
  ],
];

const word = fc.constantFrom(...WORDS);
const plain = fc.constantFrom(' red', ' unbelievable', ' a', ' cars.', ' 12', ' (x)');

interface Whole {
  readonly instances: TokenizerInstances;
  readonly tokenizer: JsonObject;
}

async function inPieces(
  { instances, tokenizer }: Whole,
  text: string,
  size: number,
  kept: 'first' | 'last',
) {
  const rule = cutRuleOf(tokenizer);
  const walk = new TextWalk(text, rule, kept);
  const placer = new Placer(tokenizer, rule?.stripsSpace ?? false, () => null);
  const reader = new TextReader<TokensWithOffsets>(
    walk,
    placer.named(text),
    Number.POSITIVE_INFINITY,
    kept,
  );
  let pieces = 0;
  do {
    const piece = await walk.next(size);
    const [tokens] = await instances.read([piece.text]);
    if (tokens) reader.add(tokens, piece);
    pieces++;
  } while (!walk.done);
  return { pieces, tokens: reader.take(reader.count) };
}

describe.each(KINDS)('pieces of a text: %s', (_, load) => {
  it('have its tokens and places', async () => {
    const tokenizer = await load();
    const instances = new TokenizerInstances(
      { made: { tokenizer: tokenizerFrom(JSON.stringify(tokenizer), 'test'), renamed: new Map() } },
      'test',
      { maxTextLength: Infinity, rules: 'rules' },
    );
    const whole = { instances, tokenizer };
    let most = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(word, plain), { minLength: 1, maxLength: 80 }),
        fc.integer({ min: 1, max: 40 }),
        async (words, size) => {
          const text = words.join('');
          const all = await inPieces(
            { instances, tokenizer: { ...tokenizer, normalizer: { type: 'Unknown' } } },
            text,
            size,
            'first',
          );
          expect(all.pieces).toBe(1);
          for (const kept of ['first', 'last'] as const) {
            const { pieces, tokens } = await inPieces(whole, text, size, kept);
            most = Math.max(most, pieces);
            expect([kept, ...tokens.tokens]).toEqual([kept, ...all.tokens.tokens]);
            expect(tokens).toEqual(all.tokens);
          }
        },
      ),
      { numRuns: 150, seed: 11 },
    );
    // A rule that never cuts would prove nothing.
    expect(most).toBeGreaterThan(cutRuleOf(tokenizer) === null ? 0 : 3);
  });
});

describe('a text that cannot be cut', () => {
  it('is refused from 262,144 characters on, with the rules that forbid it', async () => {
    const tokenizer = await loadJson({
      ...small({ pre_tokenizer: { type: 'UnicodeScripts' } }),
      normalizer: { type: 'NFC' },
    });
    const limit = 2 ** 18;
    const { ids } = await tokenizer.encode(['a'.repeat(limit)], { maxTokens: 9 });
    expect([...ids]).toEqual([0]);
    const refused = tokenizer.encode([`b${'a'.repeat(limit)}`], { maxTokens: 9 });
    await expect(refused).rejects.toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringMatching(
        /place where it can be cut in every 262144 characters, got 262145 without one for the normalizer \(NFC\), pre-tokenizer \(UnicodeScripts\) and model \(WordLevel\) of .*tokenizer.json/,
      ),
    });
  });
});
