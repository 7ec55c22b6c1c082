// The core's byte pairs give the token ids of the `tokenizers` package, and leave to it what they do not read.
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../lib/core/json.js';
import { atOnce } from '../../lib/core/turns.js';
import { BytePairs } from '../../lib/tokenize/byte-pairs.js';
import { TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { ListedWords } from '../../lib/tokenize/words.js';
import { bytePairs, compare, randomTexts } from './core-texts.js';
import { added, grown } from './grown-pairs.js';
import { changed } from './tokenizer-kinds.js';

const compared = (tokenizer: JsonObject, texts: readonly string[]) =>
  compare(bytePairs(tokenizer), tokenizer, texts, false);

const level = (add_prefix_space: boolean): JsonObject => ({
  ...{ type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true },
});
/** With runs of blanks, which the pattern divides in a way of its own. */
const blank = (texts: readonly string[]) =>
  texts.map((text, i) =>
    i % 3 === 0 ? text.replaceAll(' ', ' \n  \t'.slice(0, 1 + (i % 5))) : text,
  );
const GROWN_ON = blank(randomTexts(150, 5));

describe.each<readonly [string, JsonObject, JsonObject]>([
  ['no space is added', { pre_tokenizer: level(false) }, {}],
  ['a space is added', { pre_tokenizer: level(true) }, {}],
  ['words before merges', { pre_tokenizer: level(false) }, { ignore_merges: true }],
])('texts with grown pairs: %s', (_, parts, model) => {
  it('have the tokens of the package', async () => {
    const tokenizer = await grown(GROWN_ON, 300, parts, model);
    const { different, refused } = await compared(tokenizer, blank(randomTexts(2000, 6)));
    expect(different).toEqual([]);
    expect(refused).toBeLessThan(150);
  });
});

it.each([
  ['roberta-seqcls', 100],
  ['modernbert', 600],
])('texts of %s have the tokens of the package', async (name, most) => {
  const texts = blank(randomTexts(1000, 7));
  const { different, refused } = await compared(await changed(name, {}), texts);
  expect(different).toEqual([]);
  expect(refused).toBeLessThan(most);
});

it.each([
  ['nothing', ''],
  ['blanks alone', '   '],
  ['a line end before a word', 'a\n\n b\nc \n d'],
  ['endings of English words', "it's we'll they've I'M I'm 's ''s ''''ll"],
  ['halves of surrogate pairs', 'a\ud83d b\ude00c \ud83d\ude00'],
  ['blanks of all kinds', 'a\u00a0b\u3000c\u2028d\u0085e\tf\u200bg\u180eh'],
  ['numbers of all kinds', 'x1½٣Ⅷ①一'],
  ['a long word', 'x'.repeat(255)],
])('%s', async (_, text) => {
  for (const space of [false, true]) {
    const tokenizer = await grown(GROWN_ON, 100, { pre_tokenizer: level(space) });
    const { different, refused } = await compared(tokenizer, [text, `${text} a`]);
    expect(different).toEqual([]);
    expect(refused).toBe(0);
  }
});

describe('left to the package', () => {
  const isLeft = (tokenizer: JsonObject, text: string, placed = false) =>
    bytePairs(tokenizer)?.encode([text], placed)[0] === null;

  it('are a long word, an added token, and places', async () => {
    const tokenizer = await changed('roberta-seqcls', {});
    expect(isLeft(tokenizer, 'a b')).toBe(false);
    expect(isLeft(tokenizer, `a ${'x'.repeat(300)}`)).toBe(true);
    expect(isLeft(tokenizer, 'a <mask> b')).toBe(true);
    expect(isLeft(tokenizer, 'a b', true)).toBe(true);
  });

  it('is a text that composition may change', async () => {
    const tokenizer = await changed('modernbert', {});
    expect(isLeft(tokenizer, 'na\u00efve')).toBe(false);
    expect(isLeft(tokenizer, 'nai\u0308ve')).toBe(true);
    expect(isLeft(tokenizer, '中文 한국어 привет')).toBe(false);
    expect(isLeft(tokenizer, 'a\u0378')).toBe(true);
  });
});

describe('added tokens beyond the vocabulary', () => {
  const tokenizer = () =>
    grown(GROWN_ON, 50, {
      added_tokens: [
        ...added(['<s>', '<pad>', '</s>', '<unk>', '<mask>'], 0),
        ...added(['  ', '|||X|||'], 311, true),
      ],
    });

  it('have ids and names, and are left to the package in texts', async () => {
    const core = bytePairs(await tokenizer());
    expect(core?.vocabulary.size).toBe(313);
    expect(core?.vocabulary.tokenOf(312)).toBe('|||X|||');
    expect(core?.vocabulary.idOf('  ')).toBe(311);
    expect(core?.encode(['a  b', 'a b'], false).map((one) => one === null)).toEqual([true, false]);
  });

  it('with other ids are not for the core', async () => {
    const one = await tokenizer();
    const tokens = one.added_tokens as readonly JsonObject[];
    expect(bytePairs({ ...one, added_tokens: tokens.slice(0, -2).concat(tokens.slice(-1)) })).toBe(
      null,
    );
  });
});

describe('a tokenizer of another kind', () => {
  const roberta = () => changed('roberta-seqcls', {});
  it.each<readonly [string, JsonObject]>([
    ['another normalizer', { normalizer: { type: 'Lowercase' } }],
    ['another pre-tokenizer', { pre_tokenizer: { type: 'Whitespace' } }],
    ['no pattern', { pre_tokenizer: { ...level(false), use_regex: false } }],
    ['no pre-tokenizer', { pre_tokenizer: null }],
  ])('%s', async (_, parts) => {
    expect(bytePairs({ ...(await roberta()), ...parts })).toBe(null);
  });

  it.each<readonly [string, JsonObject]>([
    ['an ending of words', { end_of_word_suffix: '</w>' }],
    ['a token for what is unknown', { unk_token: '<unk>' }],
  ])('%s', async (_, settings) => {
    const tokenizer = await roberta();
    const model = { ...(tokenizer.model as JsonObject), ...settings };
    const words = new ListedWords(Object.keys(model.vocab as JsonObject));
    expect(atOnce(BytePairs.of({ ...tokenizer, model }, words))).toBe(null);
  });

  it('a byte without a token', async () => {
    const tokenizer = await roberta();
    const { vocab, ...model } = tokenizer.model as JsonObject;
    const words = Object.keys(vocab as JsonObject).map((word) => (word === 'z' ? 'zzz' : word));
    const changedVocab = Object.fromEntries(words.map((word, id) => [word, id as JsonValue]));
    expect(
      atOnce(
        BytePairs.of(
          { ...tokenizer, model: { ...model, merges: [], vocab: changedVocab } },
          new ListedWords(words),
        ),
      ),
    ).toBe(null);
  });
});

it('a tokenizer reads texts, pairs and long texts as the package alone does', async () => {
  const tokenizer = await grown(GROWN_ON, 200, { pre_tokenizer: level(false) });
  const load = (parts: JsonObject) => {
    const all = { ...tokenizer, ...parts };
    const files = new Map([['tokenizer.json', JSON.stringify(all)]]);
    return TextTokenizer.fromFiles({ source: 'test', tokenizer: all, config: {}, files });
  };
  // The same splitter in a sequence is not for the core.
  const whole = await load({ pre_tokenizer: { type: 'Sequence', pretokenizers: [level(false)] } });
  const core = await load({});
  const texts = blank(randomTexts(300, 9));
  const long = texts.join(' ');
  const inputs = [
    ...texts,
    ...texts.slice(0, 50).map((text) => [text, 'a b'] as const),
    long,
    long.replaceAll(' ', 'x'),
  ];
  for (const maxTokens of [16, 128, 100_000]) {
    expect(await core.encode(inputs, { maxTokens })).toEqual(
      await whole.encode(inputs, { maxTokens }),
    );
  }
  expect(await core.encodeAligned(texts, { maxTokens: 64 })).toEqual(
    await whole.encodeAligned(texts, { maxTokens: 64 }),
  );
  expect(await core.decode([5, 6, 300])).toBe(await whole.decode([5, 6, 300]));
});
