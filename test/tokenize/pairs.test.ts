// Pairs are cut as Python's fast tokenizers cut them, token for token, on both sides and around any special tokens.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { pairLengths } from '../../lib/tokenize/pair-lengths.js';
import { TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { readTokenizerFiles } from '../../lib/tokenize/tokenizer-files.js';

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const MINILM = path('models/all-MiniLM-L6-v2');

interface Row {
  readonly pair: [string, string];
  readonly maxTokens: number;
  readonly ids: string;
}

/** The tokenizer of a folder, with changes of its files. */
async function load(folder: string, config: JsonObject = {}, changes: JsonObject = {}) {
  const files = await readTokenizerFiles(folder);
  const tokenizer = { ...files.tokenizer, ...changes };
  const texts = new Map([...files.files, ['tokenizer.json', JSON.stringify(tokenizer)]]);
  return TextTokenizer.fromFiles({
    ...{ source: files.source, tokenizer, files: texts },
    config: { ...files.config, ...config },
  });
}

describe('pairs', () => {
  it('have the ids that transformers gives them', async () => {
    const tokenizer = await load(MINILM);
    const text = await readFile(path('test/fixtures/tokenizer/pairs.jsonl'), 'utf8');
    const rows = text.trim().split('\n');
    expect(rows.length).toBeGreaterThan(200);
    for (const row of rows) {
      const { pair, maxTokens, ids: expected } = JSON.parse(row) as Row;
      const { ids } = await tokenizer.encode([pair], { maxTokens });
      const hash = createHash('sha256').update(ids.join(',')).digest('hex').slice(0, 12);
      expect([row, hash]).toEqual([row, expected]);
    }
  });

  it('keep as many tokens of each text as the fast tokenizers of transformers 4.57 and 5.24 do', () => {
    // Words of each text, and what `tokenizer(a, b, truncation=True, max_length=20)` kept of them; 17 have room.
    for (const [first, second, kept] of [
      [40, 20, [9, 8]],
      [20, 40, [8, 9]],
      [40, 40, [8, 9]],
      [39, 40, [8, 9]],
      [40, 8, [9, 8]],
      [8, 40, [8, 9]],
      [9, 40, [8, 9]],
      [40, 9, [9, 8]],
      [11, 7, [10, 7]],
    ] as const) {
      expect(pairLengths(first, second, 17)).toEqual(kept);
    }
  });

  it('are cut on the left where the settings, or without them the tokenizer, say so', async () => {
    const words = ['one two three four five', 'six seven eight nine'] as const;
    const texts = async (config: JsonObject, changes: JsonObject = {}) => {
      const tokenizer = await load(MINILM, config, changes);
      const { ids } = await tokenizer.encode([words], { maxTokens: 8 });
      return tokenizer.decode(ids);
    };
    const truncation = { max_length: 8, strategy: 'OnlyFirst', stride: 0, direction: 'Left' };
    expect(await texts({})).toBe('one two three six seven');
    expect(await texts({ truncation_side: 'left' })).toBe('three four five eight nine');
    expect(await texts({}, { truncation })).toBe('three four five eight nine');
    expect(await texts({ truncation_side: 'right' }, { truncation })).toBe(
      'one two three six seven',
    );
  });

  it('have the special tokens and segments of every post-processor', async () => {
    const specials = { '[CLS]': 101, '[SEP]': 102 };
    const named = Object.entries(specials).map(([id, n]) => [id, { id, ids: [n], tokens: [id] }]);
    const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
    const part = (id: string, type_id: number) => ({ Sequence: { id, type_id } });
    const bytes = {
      type: 'ByteLevel',
      add_prefix_space: true,
      trim_offsets: true,
      use_regex: true,
    };
    const template = {
      type: 'TemplateProcessing',
      single: [part('A', 0)],
      pair: [part('B', 1), special('[SEP]', 2), part('A', 0), special('[CLS]', 3)],
      special_tokens: Object.fromEntries(named) as JsonObject,
    };
    const of = async (post_processor: JsonObject | null) => {
      const tokenizer = await load(MINILM, {}, { post_processor });
      const { ids, segments } = await tokenizer.encode([['one two', 'three']], { maxTokens: 9 });
      return [[...ids], [...segments]];
    };
    const [one, two, three] = [2028, 2048, 2093];
    const pair = { cls: ['[CLS]', 101], sep: ['[SEP]', 102] };
    expect(await of({ type: 'BertProcessing', ...pair })).toEqual([
      [101, one, two, 102, three, 102],
      [0, 0, 0, 0, 1, 1],
    ]);
    const roberta = {
      type: 'RobertaProcessing',
      ...pair,
      trim_offsets: true,
      add_prefix_space: true,
    };
    expect(await of(roberta)).toEqual([
      [101, one, two, 102, 102, three, 102],
      [0, 0, 0, 0, 0, 0, 0],
    ]);
    const reversed = [
      [three, 102, one, two, 101],
      [1, 2, 0, 0, 3],
    ];
    expect(await of(template)).toEqual(reversed);
    expect(await of({ type: 'Sequence', processors: [bytes, template] })).toEqual(reversed);
    expect(await of(null)).toEqual([
      [one, two, three],
      [0, 0, 1],
    ]);
    expect(await of(bytes)).toEqual([
      [one, two, three],
      [0, 0, 1],
    ]);
  });

  it('of long texts have the ids of whole ones, whichever is longer', async () => {
    const tokenizer = await load(MINILM);
    const length = fc.constantFrom(0, 3, 20, 500, 5000, 5001, 9000);
    await fc.assert(
      fc.asyncProperty(length, length, fc.integer({ min: 4, max: 70 }), async (a, b, maxTokens) => {
        const pair = ['red '.repeat(a), 'blue '.repeat(b)] as const;
        const room = maxTokens - 3;
        const [first, second] = a + b <= room ? [a, b] : pairLengths(a, b, room);
        const { ids, truncated } = await tokenizer.encode([pair], { maxTokens });
        const kept = (id: number) => ids.filter((one) => one === id).length;
        const [red = 0, blue = 0] = ['red', 'blue'].map((word) => tokenizer.tokenToId(word) ?? 0);
        expect([kept(red), kept(blue), truncated]).toEqual([first, second, a + b > room ? 1 : 0]);
        if (truncated === 0) return;
        await expect(tokenizer.encode([pair], { maxTokens, truncate: false })).rejects.toThrow(
          `texts[0] must be at most ${maxTokens} tokens, got ${a + b + 3}`,
        );
      }),
      { numRuns: 60, seed: 5 },
    );
  });
});
