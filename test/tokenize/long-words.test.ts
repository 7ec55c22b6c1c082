// Words that no cut divides are read in pieces: their tokens and places are those of the whole, whatever the vocabulary is.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { IDS } from '../../lib/tokenize/text-reader.js';
import { inPieces, named, wholeOf } from './in-pieces.js';
import { changed, KINDS } from './tokenizer-kinds.js';

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

describe('whatever the vocabulary', () => {
  it('byte-level without added tokens, so that margins are as small as can be', async () => {
    for (const name of ['roberta-seqcls', 'modernbert']) {
      await expectSame(await changed(name, { added_tokens: [] }), 400);
    }
  });

  it('BPE', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(40), fc.nat(40)), { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        async (joins, fused) => {
          const tokens = ['a', 'c', 'g', 'e', 'h'];
          const merges: [string, string][] = [];
          for (const [i, j] of joins) {
            const [left = '', right = ''] = [tokens[i % tokens.length], tokens[j % tokens.length]];
            if ((left + right).length > 12) continue;
            merges.push([left, right]);
            if (!tokens.includes(left + right)) tokens.push(left + right);
          }
          const vocab = Object.fromEntries(['<unk>', ...tokens].map((token, i) => [token, i]));
          const model = { type: 'BPE', vocab, merges, unk_token: '<unk>', fuse_unk: fused };
          expect(
            await expectSame(await changed('albert', { added_tokens: [], model }), 4),
          ).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });

  it('Unigram, with scores of which many paths are worth the same', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(piece, fc.integer({ min: -9, max: 0 })), { maxLength: 40 }),
        fc.constantFrom(1, 0.1, 0.7),
        async (pieces, unit) => {
          const vocab = [
            ['<unk>', 0],
            ['a', -4 * unit],
            ['c', -5 * unit],
            ['g', -5 * unit],
            ...pieces.map(([token, score]) => [token, score * unit]),
          ];
          const model = { type: 'Unigram', vocab, unk_id: 0, byte_fallback: false } as JsonObject;
          expect(
            await expectSame(await changed('albert', { added_tokens: [], model }), 4),
          ).toBeGreaterThan(0);
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });
});
