// Words that no cut divides are read in pieces: their tokens and places are those of the whole, whatever the vocabulary is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { IDS } from '../../lib/tokenize/text-reader.js';
import { inPieces, named, wholeOf } from './in-pieces.js';
import { BYTE_TOKENS, bpe, changed, KINDS } from './tokenizer-kinds.js';

const RUNS = [
  'a',
  'x',
  'the',
  'people',
  'thepeopleofamerica',
  'ACGT',
  'é',
  'ß',
  'я',
  '中',
  '文字',
  'か',
  'が',
  '가각',
  '1',
  '42',
  'a1b2',
  '-',
  '=!',
  '<',
  '#$%',
  '.',
  ' ',
  '\n',
  ' \n',
  '\t',
  'Zürich',
  'TTTAAC',
  'ff',
  '▁',
  '<mask>',
  'ภาษาไทย',
  'កខគ្រុង',
  '\u0e01\u0e02\u0e33',
  'שלום',
  'the people of america, and',
  '\n\n',
  '▁▁',
  "don't",
  '😀',
] as const;
/** Runs of these with a little else between them. */
const text = fc
  .array(
    fc.oneof(
      { weight: 4, arbitrary: fc.tuple(fc.constantFrom(...RUNS), fc.integer({ min: 1, max: 60 })) },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constantFrom(
            'thepeople',
            'ab',
            'x-ray',
            ' ',
            ', ',
            "'s",
            '。',
            '<mask>',
            '[MASK]',
            '<s>',
            'e\u0301',
            '\u0301',
          ),
          fc.constant(1),
        ),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(
          fc.constantFrom(' ', '  \n', 'x ', 'a  '),
          fc.integer({ min: 20, max: 90 }),
        ),
      },
      {
        weight: 2,
        arbitrary: fc.tuple(fc.stringMatching(/^[ac]{1,40}$/), fc.integer({ min: 1, max: 3 })),
      },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.constantFrom("x'very", "a'llama", "'rest"), fc.constant(1)),
      },
      { weight: 3, arbitrary: fc.tuple(fc.stringMatching(/^[acgtehop]{1,40}$/), fc.constant(1)) },
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => parts.map(([run, times]) => run.repeat(times)).join(''));
const sizes = fc.record({
  size: fc.integer({ min: 1, max: 60 }),
  longStretch: fc.integer({ min: 8, max: 90 }),
});

async function expectSame(tokenizer: JsonObject, runs: number) {
  const whole = wholeOf(tokenizer, 16);
  let cut = 0;
  await fc.assert(
    fc.asyncProperty(text, sizes, fc.integer({ min: 1, max: 50 }), async (long, some, keep) => {
      const kind = named(whole, long);
      const all = await inPieces(
        { ...whole, tokenizer: { ...tokenizer, normalizer: { type: 'Unknown' } } },
        kind,
        long,
        'first',
        { size: 1 },
      );
      expect(all.pieces).toBe(1);
      for (const kept of ['first', 'last'] as const) {
        const found = await inPieces(whole, kind, long, kept, some);
        cut += found.inner;
        expect(found.tokens.tokens).toEqual(all.tokens.tokens);
        expect(found.tokens).toEqual(all.tokens);
        const ids = await inPieces(whole, IDS, long, kept, { ...some, keep });
        expect(ids.count).toBe(all.count);
        const { ids: expected } = all.tokens;
        expect(ids.tokens.ids).toEqual(
          kept === 'first' ? expected.slice(0, keep) : expected.slice(-keep),
        );
      }
    }),
    { numRuns: runs, seed: 23 },
  );
  return cut;
}

describe.each(KINDS)('words cut in pieces: %s', (name, load) => {
  it('have their tokens and places', async () => {
    const tokenizer = await load();
    const cut = await expectSame(tokenizer, 120);
    const { type } = tokenizer.model as { readonly type: string };
    const none = type.startsWith('Word') || name === 'whole texts';
    if (none) expect(cut).toBe(0);
    else expect(cut).toBeGreaterThan(500);
  });
});

/** A vocabulary of few letters: every place of a word is inside of some token. */
const piece = fc.oneof(fc.stringMatching(/^[ac]{2,5}$/), fc.stringMatching(/^[acgt]{2,9}$/));

const WITH_BOTH = {
  ...{ ignore_merges: true, end_of_word_suffix: '</w>', continuing_subword_prefix: '##' },
};

/** Characters as they are at their places in a word, and merges of them. */
function randomMerges(joins: readonly (readonly [number, number])[], settings: JsonObject) {
  const { continuing_subword_prefix: prefix = '', end_of_word_suffix: suffix = '' } = settings;
  const [before, after] = [String(prefix), String(suffix)];
  const forms = [...'acegh'].flatMap((one) => [
    one,
    before + one,
    one + after,
    before + one + after,
  ]);
  const characters = [...new Set(forms)];
  const tokens = [...characters];
  const merges: [string, string][] = [];
  for (const [i, j] of joins) {
    const lefts = tokens.filter((token) => after === '' || !token.endsWith(after));
    const rights = tokens.filter((token) => token.startsWith(before));
    const [left = '', right = ''] = [lefts[i % lefts.length], rights[j % rights.length]];
    const made = left + right.slice(before.length);
    if (made.length > 12 + before.length + after.length) continue;
    merges.push([left, right]);
    if (!tokens.includes(made)) tokens.push(made);
  }
  return { characters, merges };
}

describe('whatever the vocabulary', () => {
  it('byte-level without added tokens, so that margins are as small as can be', async () => {
    for (const name of ['roberta-seqcls', 'modernbert']) {
      await expectSame(await changed(name, { added_tokens: [] }), 400);
    }
  }, 120_000);

  it.each([
    ['BPE', {}],
    ['BPE with bytes', { byte_fallback: true }],
    ['BPE with words that no merge makes', { ignore_merges: true }],
    ['BPE with bytes and such words', { byte_fallback: true, ignore_merges: true }],
    ['BPE with ends', { end_of_word_suffix: '$' }],
    ['BPE with beginnings', { continuing_subword_prefix: '#' }],
    ['BPE with both, and words', WITH_BOTH],
  ])('%s', async (_, settings: JsonObject) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { minLength: 1, maxLength: 40 }),
        fc.array(fc.stringMatching(/^[aceghop▁é中]{1,12}$/), { maxLength: 20 }),
        fc.boolean(),
        async (joins, words, fused) => {
          const { characters, merges } = randomMerges(joins, settings);
          const more = settings.byte_fallback ? BYTE_TOKENS : [];
          const whole = settings.ignore_merges ? words : [];
          const model = bpe(merges, [...characters, ...more, ...whole], {
            ...settings,
            fuse_unk: fused,
          });
          expect(
            await expectSame(await changed('albert', { added_tokens: [], model }), 4),
          ).toBeGreaterThan(0);
        },
      ),
      { numRuns: 40, seed: 3 },
    );
  });

  it('Unigram, with scores of which many paths are worth the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(piece, fc.integer({ min: -9, max: 0 })), { maxLength: 40 }),
        fc.constantFrom(1, 0.1, 0.7),
        fc.boolean(),
        async (pieces, unit, bytes) => {
          const vocab = [
            ['<unk>', 0],
            ['a', -4 * unit],
            ['c', -5 * unit],
            ['g', -5 * unit],
            ...pieces.map(([token, score]) => [token, score * unit]),
            ...(bytes ? BYTE_TOKENS.map((token) => [token, -9]) : []),
          ];
          const model = { type: 'Unigram', vocab, unk_id: 0, byte_fallback: bytes } as JsonObject;
          expect(
            await expectSame(await changed('albert', { added_tokens: [], model }), 4),
          ).toBeGreaterThan(0);
        },
      ),
      { numRuns: 40, seed: 3 },
    );
  });
});
