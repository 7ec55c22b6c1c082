// The tokenizer's own promises: ragged arrays, limits, cutting that changes nothing, clear
// refusals.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type TextInput } from '../../lib/tokenize/text-tokenizer.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const MINILM = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));
const tokenizer = await loadTokenizer(MINILM);

/**
 * Ids by the definition: everything tokenized, then the first ones kept between [CLS] and [SEP].
 */
async function byDefinition(text: string, maxTokens: number): Promise<number[]> {
  const { ids } = await tokenizer.encodeWithOffsets(text);
  if (ids.length <= maxTokens) return [...ids];
  return [...ids.subarray(0, maxTokens - 1), ids.at(-1) ?? 0];
}

describe('encode', () => {
  it('gives the same ids alone, together, and over several chunks', async () => {
    const texts: TextInput[] = Array.from({ length: 1200 }, (_, i) =>
      i % 7 === 0 ? [`first ${i}`, `second, ${i} times`] : 'word '.repeat(i % 40) + i,
    );
    const all = await tokenizer.encode(texts, { maxTokens: 24 });
    expect(all.offsets).toHaveLength(1201);
    expect(all.ids).toHaveLength(all.offsets[1200] ?? -1);
    expect(all.segments).toHaveLength(all.ids.length);
    for (const i of [0, 1, 39, 127, 128, 129, 512, 700, 1199]) {
      const one = await tokenizer.encode([texts[i] ?? ''], { maxTokens: 24 });
      const [begin, end] = [all.offsets[i], all.offsets[i + 1]];
      expect([...all.ids.subarray(begin, end)]).toEqual([...one.ids]);
      expect([...all.segments.subarray(begin, end)]).toEqual([...one.segments]);
    }
  });

  it('lets the event loop turn after every 128 texts or 16,384 characters that are read', async () => {
    const turnsOf = async (texts: readonly string[]) => {
      let turns = 0;
      let over = false;
      const count = () => {
        turns++;
        if (!over) setImmediate(count);
      };
      const encoding = tokenizer.encode(texts, { maxTokens: 256 });
      setImmediate(count);
      await encoding;
      over = true;
      return turns;
    };
    expect(await turnsOf(Array(1280).fill('word'))).toBeGreaterThanOrEqual(10);
    // The first 2,048 characters of each are enough for 256 tokens.
    expect(await turnsOf(Array(64).fill('word '.repeat(1000)))).toBeGreaterThanOrEqual(8);
  });

  it('of nothing is empty, and of an empty text the special tokens', async () => {
    const none = await tokenizer.encode([], { maxTokens: 8 });
    expect([none.ids.length, [...none.offsets], none.truncated]).toEqual([0, [0], 0]);
    const empty = await tokenizer.encode(['', ['', '']], { maxTokens: 8 });
    expect([...empty.ids]).toEqual([101, 102, 101, 102, 102]);
    expect([...empty.segments]).toEqual([0, 0, 0, 0, 1]);
  });

  it('counts truncated texts, or refuses them', async () => {
    const texts = ['one two', 'one two three four', ['a b c', 'd e f']] as const;
    const { truncated, offsets } = await tokenizer.encode(texts, { maxTokens: 5 });
    expect([truncated, [...offsets]]).toEqual([2, [0, 4, 9, 14]]);
    const strict = { maxTokens: 5, truncate: false };
    await expect(tokenizer.encode(texts, strict)).rejects.toThrow(
      new RangeError('texts[1] must be at most 5 tokens, got 6'),
    );
    expect((await tokenizer.encode(['one two three'], strict)).ids).toHaveLength(5);
  });

  it('keeps calls with different limits apart', async () => {
    const text = 'a b c d e f g h i j '.repeat(20);
    const limits = [5, 9, 64, 17, 33, 5, 128, 100];
    const runs = await Promise.all(
      limits.map((maxTokens) => tokenizer.encode([text], { maxTokens })),
    );
    expect(runs.map(({ ids }) => ids.length)).toEqual(limits);
  });

  it('refuses limits without room, for pairs too, and values that are no texts', async () => {
    for (const maxTokens of [2, 0, -1, 2.5, Number.NaN]) {
      await expect(tokenizer.encode(['a'], { maxTokens })).rejects.toThrow(
        `maxTokens must be an integer of at least 3, got ${maxTokens}`,
      );
    }
    await expect(tokenizer.encode([['a', 'b']], { maxTokens: 3 })).rejects.toThrow(/at least 4/);
    const wrong = ['ok', 7] as unknown as string[];
    await expect(tokenizer.encode(wrong, { maxTokens: 8 })).rejects.toThrow(
      new TypeError('texts[1] must be a string or a pair of strings, got 7'),
    );
    const triple = [['a', 'b', 'c']] as unknown as TextInput[];
    await expect(tokenizer.encode(triple, { maxTokens: 8 })).rejects.toThrow(/got an array of 3/);
  });

  it('refuses lone surrogates and takes NUL', async () => {
    await expect(tokenizer.encode(['ok', 'x\ud83d'], { maxTokens: 8 })).rejects.toThrow(
      /^texts\[1\] must be well-formed Unicode, got a lone surrogate U\+D83D at index 1/,
    );
    await expect(tokenizer.encode([['a', '\udc00']], { maxTokens: 8 })).rejects.toThrow(
      /texts\[0\]\[1\]/,
    );
    const { ids } = await tokenizer.encode(['a\u0000b 😀'], { maxTokens: 8 });
    expect([...ids]).toEqual([101, 11113, 100, 102]);
  });

  it('stops when it is aborted', async () => {
    const signal = AbortSignal.abort();
    await expect(tokenizer.encode(['a'], { maxTokens: 8, signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});

describe('offsets', () => {
  it('count UTF-16 units after characters beyond U+FFFF', async () => {
    const text = '😀😀 red CAFÉ 𝔘 end';
    const { tokens, starts, ends } = await tokenizer.encodeWithOffsets(text);
    const slices = tokens.map((_, i) => text.slice(starts[i], ends[i]));
    expect(slices).toEqual(['', '😀😀', 'red', 'CAFÉ', '𝔘', 'end', '']);
  });
});

describe('cutting long texts', () => {
  it('gives the ids of the whole text for any mix of words', async () => {
    const piece = fc.constantFrom(
      ' ',
      '\n',
      '\t',
      'a',
      'word',
      'unbelievably',
      'é',
      'e\u0301',
      '\u0301',
      '.',
      '...',
      '[MASK]',
      '[',
      'MASK]',
      '##s',
      '中',
      '文字',
      '。',
      '😀',
      '\u0000',
      '\u00a0',
      '\u200b',
      'İ',
      'ﬁ',
      'x'.repeat(120),
      '가',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { minLength: 100, maxLength: 600 }),
        fc.integer({ min: 3, max: 20 }),
        async (pieces, maxTokens) => {
          const text = pieces.join('');
          const { ids } = await tokenizer.encode([text], { maxTokens });
          expect([...ids]).toEqual(await byDefinition(text, maxTokens));
        },
      ),
      { numRuns: 100, seed: 7 },
    );
  });

  it('tries again when long words, blanks or marks leave too few tokens', async () => {
    for (const text of [
      'x'.repeat(90).concat(' ').repeat(3000),
      `${' '.repeat(50_000)}${'late words '.repeat(1000)}`,
      'x'.repeat(100_000),
      `${'\u0000'.repeat(30_000)} end of it `.repeat(3),
      '中'.repeat(40_000),
    ]) {
      const { ids, truncated } = await tokenizer.encode([text], { maxTokens: 32 });
      const expected = await byDefinition(text, 32);
      expect([...ids]).toEqual(expected);
      expect(truncated).toBe(expected.length === 32 ? 1 : 0);
    }
  });

  it('does not tokenize a megabyte for 512 tokens', async () => {
    const text = 'The quick brown fox, jumps over the lazy dog. '.repeat(25_000);
    const { ids, truncated } = await tokenizer.encode([text], { maxTokens: 512 });
    expect([ids.length, truncated]).toEqual([512, 1]);
    expect([...ids]).toEqual(await byDefinition(text, 512));
  });
});

describe('loadTokenizer', () => {
  it('makes from vocab.txt what tokenizer.json says', async () => {
    const folder = await temporaryFolder();
    const json = JSON.parse(await readFile(join(MINILM, 'tokenizer.json'), 'utf8')) as {
      model: { vocab: Record<string, number> };
    };
    const words = Object.entries(json.model.vocab).sort((a, b) => a[1] - b[1]);
    await writeFile(join(folder, 'vocab.txt'), words.map(([word]) => `${word}\n`).join(''));
    await writeFile(
      join(folder, 'tokenizer_config.json'),
      await readFile(join(MINILM, 'tokenizer_config.json')),
    );
    const made = await loadTokenizer(folder);
    const text = made.files.get('tokenizer.json') ?? '';
    expect(JSON.parse(text)).toEqual({ ...json, truncation: null, padding: null });
    expect(made.vocabulary).toBe(30522);
    expect(made.tokenToId('hello')).toBe(7592);
  });

  it('follows tokenizer_config.json for case, and the lowercase option', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'vocab.txt'), '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nRed\nred\n');
    await writeFile(join(folder, 'tokenizer_config.json'), '{"do_lower_case": false}');
    const ids = async (options?: { lowercase: boolean }) => {
      const made = await loadTokenizer(folder, options);
      return [...(await made.encode(['Red red'], { maxTokens: 8 })).ids];
    };
    expect(await ids()).toEqual([2, 5, 6, 3]);
    expect(await ids({ lowercase: true })).toEqual([2, 6, 6, 3]);
  });

  it('truncates on the left where the configuration says so', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'tokenizer.json'), await readFile(join(MINILM, 'tokenizer.json')));
    await writeFile(join(folder, 'tokenizer_config.json'), '{"truncation_side": "left"}');
    const left = await loadTokenizer(folder);
    const { ids } = await left.encode(['one two three hello'], { maxTokens: 3 });
    expect([...ids]).toEqual([101, 7592, 102]);
  });

  it('refuses files that are missing, cut, of another kind, or no UTF-8', async () => {
    const whole = await readFile(join(MINILM, 'tokenizer.json'));
    const folder = await temporaryFolder();
    const corrupt = (message: RegExp) => ({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(message) as string,
    });
    await expect(loadTokenizer(folder)).rejects.toMatchObject(
      corrupt(/tokenizer\.json: no such file/),
    );
    const file = join(folder, 'tokenizer.json');
    for (const [bytes, message] of [
      [whole.subarray(0, 100_000), /tokenizer\.json: not valid JSON/],
      [Buffer.alloc(0), /not valid JSON/],
      [Buffer.from('[]'), /must be a JSON object/],
      [Buffer.from('{}'), /tokenizer\.json: model must be given, got undefined/],
      [
        Buffer.from('{"model":{"type":"WordLevel","unk_token":"a","vocab":{"a":-1}}}'),
        /tokenizer\.json: model\.vocab\.a must be an integer from 0 to 2147483647, got -1/,
      ],
      [
        Buffer.concat([whole.subarray(0, 500), Buffer.of(0xff), whole.subarray(500)]),
        /UTF-8 at byte 500/,
      ],
    ] as const) {
      await writeFile(file, bytes);
      await expect(loadTokenizer(folder)).rejects.toMatchObject(corrupt(message));
    }
    const json = JSON.parse(whole.toString()) as { post_processor: object; model: object };
    for (const [change, message] of [
      [{ special_tokens: {} }, /post_processor\.single names the special token "\[CLS\]", which/],
      [{ type: 7 }, /post_processor\.type must be a text, got 7/],
      [{ special_tokens: { '[CLS]': { id: '[CLS]', ids: [], tokens: ['x'] } } }, /as many ids/],
    ] as const) {
      // The package would end the process over these.
      const post_processor = { ...json.post_processor, ...change };
      await writeFile(file, JSON.stringify({ ...json, post_processor }));
      await expect(loadTokenizer(folder)).rejects.toMatchObject(corrupt(message));
    }
    const vocab = { '[CLS]': 0, '[SEP]': 1 };
    await writeFile(file, JSON.stringify({ ...json, model: { ...json.model, vocab } }));
    await expect(loadTokenizer(folder)).rejects.toMatchObject(
      corrupt(/tokenizer\.json: model\.unk_token must be a token of the vocabulary, got "\[UNK\]"/),
    );
    const words = await temporaryFolder();
    await writeFile(join(words, 'vocab.txt'), '[PAD]\n[UNK]\nred\n');
    await expect(loadTokenizer(words)).rejects.toMatchObject(
      corrupt(/vocab\.txt: must have the cls_token \[CLS\]/),
    );
  });
});
