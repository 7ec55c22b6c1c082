/**
 * Tokenizers without some of their tokens: the texts whose tokens stay are cut as before, all others still are, and the files
 * say the same.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../lib/core/json.js';
import { prunableTokenizer, prunedTokenizer } from '../../lib/tokenize/prune-tokenizer.js';
import { loadTokenizer, type TextInput, TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { settingsFolder } from './settings-folder.js';
import { changed, KINDS } from './tokenizer-kinds.js';

const NO_LIMIT = { maxTokens: 2 ** 31 - 1 };
const TEXTS = [
  'the people of the united states of america, and the world',
  'It is the 12th of May; thepeopleofamerica xxxx ACGT TT 1212 ---- (x)',
  'ein Wort, naïve Café, 中文 words 文',
  'the\n\npeople  of   the ac acac',
];

async function tokenizerOf(tokenizer: JsonObject): Promise<TextTokenizer> {
  const text = JSON.stringify(tokenizer);
  const files = new Map([['tokenizer.json', text]]);
  return TextTokenizer.fromFiles({ source: 'test/tokenizer.json', tokenizer, config: {}, files });
}

/** The tokenizer with the tokens that these texts have, and those that always stay. */
async function pruned(tokenizer: TextTokenizer, texts: readonly TextInput[]) {
  const before = await prunableTokenizer('test', tokenizer);
  const { ids } = await tokenizer.encode(texts, NO_LIMIT);
  const wanted = [...before.always, ...ids].flatMap((id) => before.kind.withParts(id));
  const kept = [...new Set(wanted)].sort((a, b) => a - b);
  return { before, kept, after: await prunedTokenizer('test', before, kept) };
}

async function filesInFolder(tokenizer: TextTokenizer, leftOut: readonly string[] = []) {
  const folder = await temporaryFolder();
  for (const [name, text] of tokenizer.files) {
    if (!leftOut.includes(name)) await writeFile(join(folder, name), text);
  }
  return folder;
}

/** Tokenizers that Sinter does not load, that have no subwords, or of which nothing can be left out. */
const OTHERS = /^words of a list$|take blanks along$|words marked by a space$/;

describe.each(KINDS.filter(([name]) => !OTHERS.test(name)))('%s', (_, load) => {
  it('cuts its texts into the same pieces with fewer tokens, and any other text into some', async () => {
    const tokenizer = await tokenizerOf(await load());
    const found = await pruned(tokenizer, TEXTS).catch((error: unknown) => error);
    const { kind, added, size } = await prunableTokenizer('test', tokenizer);
    const numbered = new Set([...kind.tokens.keys(), ...added.values()]);
    if (found instanceof Error) {
      // Where ids have gaps, the package numbers added tokens as it likes.
      expect(numbered.size).toBeLessThan(size);
      expect(found).toMatchObject({ code: 'UNSUPPORTED_MODEL' });
      expect(found.message).toMatch(/the token ".*" would get the id/);
      return;
    }
    const { kept, after } = found as Awaited<ReturnType<typeof pruned>>;
    expect(kept.length).toBeLessThan(size);
    const inputs: TextInput[] = [...TEXTS, [TEXTS[0] ?? '', TEXTS[1] ?? '']];
    const old = await tokenizer.encode(inputs, NO_LIMIT);
    const now = await after.encode(inputs, NO_LIMIT);
    expect([...now.ids].map((id) => kept[id])).toEqual([...old.ids]);
    expect(now.offsets).toEqual(old.offsets);
    expect(now.segments).toEqual(old.segments);
    for (const text of TEXTS) {
      const { ids, ...places } = await after.encodeWithOffsets(text);
      const { ids: others, ...wanted } = await tokenizer.encodeWithOffsets(text);
      expect([ids.length, places]).toEqual([others.length, wanted]);
    }
    for (const text of ['Quartz jumbles vexing fjord 987', 'ξένος 漢字', 'The PEOPLE']) {
      const { ids } = await after.encodeWithOffsets(text);
      for (const id of ids) expect(id).toBeLessThan(kept.length);
    }
  });
});

it('a tokenizer of whole words is refused by name', async () => {
  const words = KINDS.find(([name]) => name === 'words of a list')?.[1];
  const tokenizer = await tokenizerOf((await words?.()) ?? {});
  await expect(prunableTokenizer('prune', tokenizer)).rejects.toMatchObject({
    code: 'UNSUPPORTED_MODEL',
    message: expect.stringContaining('WordPiece, BPE and Unigram, got a model "WordLevel"'),
  });
});

describe('random texts', () => {
  const words = [...new Set(TEXTS.join(' ').split(/\s+/))];
  const embedded = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));
  const sources: readonly (readonly [string, () => Promise<TextTokenizer>])[] = [
    ['of MiniLM', () => loadTokenizer(embedded)],
    ['of RoBERTa', async () => tokenizerOf(await changed('roberta-seqcls', {}))],
    ['of ModernBERT', async () => tokenizerOf(await changed('modernbert', {}))],
    ['of ALBERT', async () => tokenizerOf(await changed('albert', {}))],
    ['of DeBERTa', async () => tokenizerOf(await changed('deberta-v2-seqcls', {}))],
  ];

  it.each(sources)(
    '%s: made of known words they are cut as before; others never fail',
    async (_, load) => {
      const tokenizer = await load();
      // Each word at the beginning of a text and behind another one, which byte-level tokenizers tell apart.
      const { kept, after } = await pruned(
        tokenizer,
        words.flatMap((word) => [word, `a ${word}`]),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 12 }),
          async (some) => {
            const text = some.join(' ');
            const [a, b] = [
              await tokenizer.encodeWithOffsets(text),
              await after.encodeWithOffsets(text),
            ];
            expect([...b.ids].map((id) => kept[id])).toEqual([...a.ids]);
            expect(b.tokens).toEqual(a.tokens);
          },
        ),
        { numRuns: 60, seed: 4 },
      );
      const unknown = tokenizer.unknownId;
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 40 }), async (text) => {
          if (!text.isWellFormed()) return;
          const { ids } = await after.encodeWithOffsets(text);
          for (const id of ids) expect(id).toBeLessThan(kept.length);
          const known = await tokenizer.encodeWithOffsets(text);
          // A character that was a piece of its own still is, so a text of such characters has no unknown token.
          if (unknown !== null && known.ids.includes(unknown)) return;
          const characters = [...text].every(
            (one) => tokenizer.tokenToId(one) !== null && tokenizer.tokenToId(`##${one}`) !== null,
          );
          if (unknown !== null && characters) expect(ids).not.toContain(after.unknownId);
        }),
        { numRuns: 150, seed: 5 },
      );
    },
  );
});

describe('files', () => {
  it('WordPiece: vocab.txt alone gives the tokenizer of tokenizer.json', async () => {
    const plain = await settingsFolder({ base: 'bert', vocabulary: true });
    const { after, kept } = await pruned(await loadTokenizer(plain), TEXTS);
    const { ids } = await after.encode(TEXTS, NO_LIMIT);
    expect(after.files.get('vocab.txt')?.trimEnd().split('\n')).toHaveLength(kept.length);
    for (const leftOut of [[], ['tokenizer.json'], ['vocab.txt']]) {
      const again = await loadTokenizer(await filesInFolder(after, leftOut));
      expect((await again.encode(TEXTS, NO_LIMIT)).ids).toEqual(ids);
    }
  });

  it('BPE: vocab.json and merges.txt alone give the tokenizer of tokenizer.json', async () => {
    const plain = await settingsFolder({ base: 'roberta-seqcls', vocabulary: true });
    const { after, before } = await pruned(await loadTokenizer(plain), ['the people']);
    const { ids } = await after.encode(TEXTS, NO_LIMIT);
    const lines = (text = '') => text.trimEnd().split('\n').length;
    expect(lines(after.files.get('merges.txt'))).toBeLessThan(
      lines(before.from.files.get('merges.txt')),
    );
    for (const leftOut of [[], ['tokenizer.json'], ['vocab.json', 'merges.txt']]) {
      const again = await loadTokenizer(await filesInFolder(after, leftOut));
      expect((await again.encode(TEXTS, NO_LIMIT)).ids).toEqual(ids);
    }
  });

  it('added tokens get their new ids in every file, and padding and template too', async () => {
    const added = {
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: false,
    };
    const folder = await settingsFolder({
      base: 'bert',
      config: {
        added_tokens_decoder: {
          ...Object.fromEntries(
            ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((content, id) => [
              id,
              { content, ...added, special: true },
            ]),
          ),
          300: { content: '<new>', ...added },
        },
      },
      tokenizer: {
        padding: {
          ...{ strategy: 'BatchLongest', direction: 'Right', pad_to_multiple_of: null },
          ...{ pad_id: 0, pad_type_id: 0, pad_token: '[PAD]' },
        },
      },
    });
    const { after, kept } = await pruned(await loadTokenizer(folder), ['the <new> people']);
    expect(kept.at(-1)).toBe(300);
    expect(after.tokenToId('<new>')).toBe(kept.length - 1);
    const json = (name: string) => JSON.parse(after.files.get(name) ?? '') as Record<string, never>;
    const decoder = json('tokenizer_config.json').added_tokens_decoder as unknown as Record<
      number,
      unknown
    >;
    expect(json('tokenizer.json').padding).toMatchObject({ pad_id: 0 });
    expect(decoder[kept.length - 1]).toMatchObject({ content: '<new>' });
    expect(decoder).not.toHaveProperty('300');
    const again = await loadTokenizer(await filesInFolder(after));
    expect(await again.encodeWithOffsets('the <new> people')).toEqual(
      await after.encodeWithOffsets('the <new> people'),
    );
  });
});
