// Texts are only cut where that is known to change nothing.
import { describe, expect, it } from 'vitest';
import { innerCutsOf } from '../../lib/tokenize/long-words/inner-cuts.js';
import { cutRuleOf } from '../../lib/tokenize/text-cut.js';
import { TextWalk } from '../../lib/tokenize/text-walk.js';
import { addedTokens } from '../../lib/tokenize/tokenizer-parts.js';
import { changed } from './tokenizer-kinds.js';

describe('the rule of a tokenizer', () => {
  it('is none where a cut might change tokens', async () => {
    const token = { content: 'x', lstrip: false, rstrip: false, single_word: false };
    const replace = (pattern: object, content: string) => ({ type: 'Replace', pattern, content });
    const split = (pattern: object) => ({ type: 'Split', pattern, behavior: 'Isolated' });
    for (const [name, changes] of [
      ['bert', { added_tokens: [{ ...token, content: 'two words' }] }],
      ['bert', { normalizer: { type: 'Prepend', prepend: 'a' } }],
      ['bert', { normalizer: replace({ String: 'a b' }, 'c') }],
      ['bert', { normalizer: replace({ Regex: 'a.b' }, 'c') }],
      ['bert', { normalizer: replace({ String: 'a' }, ' ') }],
      ['bert', { pre_tokenizer: null }],
      ['roberta-seqcls', { pre_tokenizer: { type: 'ByteLevel', use_regex: false } }],
      ['roberta-seqcls', { pre_tokenizer: split({ Regex: '.{2}' }) }],
      ['albert', { pre_tokenizer: { type: 'Metaspace', replacement: '▁', split: false } }],
      [
        'albert',
        {
          pre_tokenizer: {
            type: 'Sequence',
            pretokenizers: [
              { type: 'WhitespaceSplit' },
              { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' },
            ],
          },
        },
      ],
      [
        'albert',
        {
          normalizer: { type: 'Strip' },
          pre_tokenizer: { type: 'Metaspace', prepend_scheme: 'first' },
        },
      ],
    ] as const) {
      const rule = cutRuleOf(await changed(name, changes as never));
      expect([changes, rule]).toEqual([changes, null]);
    }
  });

  it('has no unknown words where digits divide them', async () => {
    const rule = cutRuleOf(
      await changed('bert', {
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'WhitespaceSplit' },
            { type: 'Digits', individual_digits: false },
          ],
        },
      }),
    );
    expect(rule?.unknownFrom).toBe(null);
  });

  it('has no unknown words where an added token may stand inside of them', async () => {
    const added = { lstrip: false, rstrip: false, normalized: false };
    const unknownFrom = async (content: string, single_word: boolean) => {
      const rule = cutRuleOf(
        await changed('bert', { added_tokens: [{ ...added, content, single_word }] }),
      );
      return rule?.unknownFrom ?? null;
    };
    expect(await unknownFrom('x', false)).toBe(null);
    expect(await unknownFrom('covid19', false)).toBe(null);
    expect(await unknownFrom('x', true)).toBeGreaterThan(100);
    expect(await unknownFrom('[MASK]', false)).toBeGreaterThan(100);
  });

  it('cuts no word where the normalizer puts a blank before added tokens too', () => {
    const cuts = (normalized: boolean) =>
      innerCutsOf(
        [{ type: 'Prepend', prepend: ' ' }],
        [{ type: 'WhitespaceSplit' }],
        addedTokens([{ content: '<mask>', normalized }]),
      );
    expect(cuts(true)).toBe(null);
    expect(cuts(false)).not.toBe(null);
  });

  it('cuts no word where the normalizer writes letters in place of blanks', () => {
    const cuts = (content: string) =>
      innerCutsOf(
        [{ type: 'Replace', pattern: { Regex: ' {2,}' }, content }],
        [{ type: 'Metaspace', prepend_scheme: 'always' }],
        [],
      );
    expect(cuts('Replace')).toBe(null);
    expect(cuts('\u2581')).not.toBe(null);
    expect(cuts(' ')).not.toBe(null);
  });

  it('cuts nowhere behind a token that takes along the blanks after it', async () => {
    const token = { content: '<x>', lstrip: false, single_word: false, normalized: true };
    const safeIn = async (name: string, rstrip: boolean) => {
      const rule = cutRuleOf(await changed(name, { added_tokens: [{ ...token, rstrip }] }));
      return ['a b', '<x> b', '<x>\u0301 b'].map((text) => rule?.isSafe(text, text.indexOf(' ')));
    };
    expect(await safeIn('bert', false)).toEqual([true, true, true]);
    expect(await safeIn('bert', true)).toEqual([true, false, false]);
    expect(await safeIn('roberta-seqcls', true)).toEqual([true, false, false]);
  });

  it('leaves out marks that an added token has inside, and ideographs that are no words', async () => {
    const token = { content: '[MASK]', lstrip: false, rstrip: false, single_word: false };
    const unitsOf = async (changes: object) =>
      new RegExp(cutRuleOf(await changed('bert', changes as never))?.units ?? '(?!)');
    const plain = await unitsOf({ added_tokens: [token] });
    expect([' ', '[', '.', '中', ']', 'a'].map((unit) => plain.test(unit))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
    const single = await unitsOf({ added_tokens: [{ ...token, single_word: true }] });
    expect([' ', '[', '.', '中'].map((unit) => single.test(unit))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    const normalizer = { type: 'BertNormalizer', handle_chinese_chars: false };
    expect((await unitsOf({ normalizer })).test('中')).toBe(false);
  });

  it('reads no more of a very long word than is needed', async () => {
    const rule = cutRuleOf(await changed('bert', {}));
    const text = `a ${'x'.repeat(100_000)} b`;
    for (const kept of ['first', 'last'] as const) {
      const walk = new TextWalk(text, rule, kept);
      let read = 0;
      const ends: number[] = [];
      while (!walk.done) {
        const piece = await walk.next(20);
        read += piece.text.length;
        ends.push(piece.end - piece.begin);
      }
      expect(read).toBeLessThan(2000);
      expect(ends.reduce((sum, length) => sum + length, 0)).toBe(text.length);
    }
  });
});
