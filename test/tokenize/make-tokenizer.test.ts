/**
 * A large WordPiece vocabulary is read off the event loop's thread, and gives the same tokenizer as the package's own reading.
 */

import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import type { Tokenizer } from 'tokenizers';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { atOnce } from '../../lib/core/turns.js';
import { checkTokenizer } from '../../lib/tokenize/check/index.js';
import { fromWords, makeTokenizer, tokenizerFrom } from '../../lib/tokenize/make-tokenizer.js';
import { TokenizerInstances } from '../../lib/tokenize/tokenizer-instances.js';

const FILE = new URL('../../models/all-MiniLM-L6-v2/tokenizer.json', import.meta.url);
let minilm: JsonObject & { readonly model: JsonObject & { readonly vocab: JsonObject } };

beforeAll(async () => {
  minilm = JSON.parse(await readFile(FILE, 'utf8'));
});

type Change = (json: typeof minilm) => JsonObject;

/** The tokenizer as it is made, and the package's own. */
async function both(change: Change) {
  const json = change(minilm);
  const { words } = atOnce(checkTokenizer(json, 'test'));
  const whole = tokenizerFrom(JSON.stringify(json), 'test');
  const { tokenizer: made } = await makeTokenizer(json, words?.list() ?? null, 'test');
  return { made, whole, json };
}

async function encoded(tokenizer: Tokenizer, text: string) {
  const encoding = await tokenizer.encode(text, text.slice(0, 9));
  return [encoding.getIds(), encoding.getTokens(), encoding.getOffsets(), encoding.getTypeIds()];
}

const model =
  (changes: JsonObject): Change =>
  (json) => ({ ...json, model: { ...json.model, ...changes } });
const words = (change: (vocab: Record<string, number>) => void): Change => {
  return (json) => {
    const vocab = { ...json.model.vocab } as Record<string, number>;
    change(vocab);
    return { ...json, model: { ...json.model, vocab } };
  };
};
const added = (token: JsonObject): Change => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return (json) => ({
    ...json,
    added_tokens: [...(json.added_tokens as JsonObject[]), { ...flags, special: false, ...token }],
  });
};

const CASES: readonly [string, Change][] = [
  ['as it is', (json) => json],
  ['short words only', model({ max_input_chars_per_word: 4 })],
  ['another prefix', model({ continuing_subword_prefix: '@' })],
  ['another unknown word', model({ unk_token: '[MASK]' })],
  ['an added word of the vocabulary', added({ id: 7592, content: 'hello' })],
  ['one that is normalized', added({ id: 7592, content: 'hello', normalized: true })],
  ['an added word beyond the vocabulary', added({ id: 30522, content: '<new>' })],
  ['an added word with the id of another', added({ id: 5, content: 'hello' })],
  [
    'a word that ends in a space',
    words((vocab) => {
      delete vocab.hello;
      vocab['hello '] = 7592;
    }),
  ],
  [
    'a word with a line in it',
    words((vocab) => {
      delete vocab.hello;
      vocab['hel\nlo'] = 7592;
    }),
  ],
  [
    'a gap',
    words((vocab) => {
      delete vocab.hello;
    }),
  ],
  [
    'an id given twice',
    words((vocab) => {
      vocab.hello = 7593;
    }),
  ],
];

describe.each(CASES)('a vocabulary of 30,522 words, %s', (_, change) => {
  it('gives the tokens that the package gives', async () => {
    const { made, whole, json } = await both(change);
    expect(made.getVocabSize(true)).toBe(whole.getVocabSize(true));
    expect(made.getVocabSize(false)).toBe(whole.getVocabSize(false));
    expect(made.getVocab(true)).toEqual(whole.getVocab(true));
    const some = fc.constantFrom(
      ...['hello', 'Hello!', '[MASK]', '[SEP]', 'hel\nlo', 'hello ', '<new>', 'unbelievably'],
      ...['x'.repeat(99), 'x'.repeat(101), 'é', '你好', '[PAD]', ' ', '1234567'],
    );
    const text = fc.array(fc.oneof(some, fc.string({ maxLength: 12 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(text, async (parts) => {
        const joined = parts.join(' ');
        expect(await encoded(made, joined)).toEqual(await encoded(whole, joined));
      }),
      { numRuns: 60 },
    );
    const ids = Array.from({ length: 300 }, (_, i) => (i * 101) % 30_522);
    expect(await made.decode(ids, false)).toBe(await whole.decode(ids, false));
    expect(await made.decode(ids, true)).toBe(await whole.decode(ids, true));
    expect(json).toEqual(change(minilm));
  });
});

it('goes through a list where that gives the same tokenizer, and else reads the file as a whole', async () => {
  const listed: boolean[] = [];
  for (const [, change] of CASES) {
    const json = change(minilm);
    const { words: list } = atOnce(checkTokenizer(json, 'test'));
    listed.push(list !== null && (await fromWords(json, list.list(), 'test')) !== null);
  }
  expect(listed).toEqual(CASES.map((_, i) => i < 6));
});

/** The words of white space of Chinese vocabularies, one of them inside a word. */
const BLANKS = words((vocab) => {
  const ids = [vocab.hello as number, vocab['##ing'] as number];
  delete vocab.hello;
  delete vocab['##ing'];
  vocab['\u3000'] = ids[0] as number;
  vocab['##\u3000'] = ids[1] as number;
});

describe('a vocabulary with words of white space', () => {
  it('goes through a list, and its words keep their names', async () => {
    const { json, whole } = await both(BLANKS);
    const { words: list } = atOnce(checkTokenizer(json, 'test'));
    const made = await fromWords(json, list?.list() ?? [], 'test');
    if (made === null) throw new Error('not listed');
    expect(made.renamed.size).toBe(2);
    const instances = new TokenizerInstances({ made }, 'test', {
      maxTextLength: Number.POSITIVE_INFINITY,
      rules: 'test',
    });
    for (let id = 0; id < whole.getVocabSize(true); id++) {
      const token = whole.idToToken(id) ?? '';
      if (instances.tokenOf(id) !== token) expect([id, instances.tokenOf(id)]).toEqual([id, token]);
      if (instances.idOf(token) !== id) expect([token, instances.idOf(token)]).toEqual([token, id]);
    }
    for (const token of [...made.renamed.keys()].map((id) => made.tokenizer.idToToken(id) ?? ''))
      expect([token, instances.idOf(token)]).toEqual([token, null]);
    const [word, inside] = ['\u3000', '##\u3000'].map((token) => whole.tokenToId(token) as number);
    for (const ids of [[word], [inside], [7, word, 1012, inside, word], [1999, inside, 2000]]) {
      expect(await instances.decode(ids as number[])).toBe(
        await whole.decode(ids as number[], true),
      );
    }
    for (const text of [
      'a\u3000b',
      '\u3000',
      `\u3000${word};`,
      'x\u3000\u30007592;y',
      '你\u3000好',
    ]) {
      expect(await encoded(made.tokenizer, text)).toEqual(await encoded(whole, text));
    }
  });

  it.each([
    ['with an ASCII space', (vocab: Record<string, number>) => swap(vocab, '\u3000 ')],
    ['with letters', (vocab: Record<string, number>) => swap(vocab, 'a\u3000')],
    [
      'where its other name is taken',
      (vocab: Record<string, number>) => {
        swap(vocab, '\u3000');
        vocab[`\u3000${vocab['\u3000']};`] = Object.keys(vocab).length;
      },
    ],
  ])('is read as a whole %s', async (_, change) => {
    const json = words(change)(minilm);
    const { words: list } = atOnce(checkTokenizer(json, 'test'));
    expect(list).not.toBe(null);
    expect(await fromWords(json, list?.list() ?? [], 'test')).toBe(null);
  });
});

function swap(vocab: Record<string, number>, word: string): void {
  vocab[word] = vocab.hello as number;
  delete vocab.hello;
}
