// What is masked: the share of tokens, their fates, and words as a whole.
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../lib/core/random.js';
import { MaskedLM } from '../../lib/index.js';
import { loadTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { maskTokens } from '../../lib/train/masking.js';

const MASK = 3;
const VOCABULARY = 1000;
const settings = { probability: 0.15, maskId: MASK, vocabulary: VOCABULARY, kept: new Set([1, 2]) };

/** Texts of `[CLS] words [SEP]`, with words of one to four tokens. */
function words(count: number) {
  const random = new SeededRandom(7);
  const ids: number[] = [];
  const continues: number[] = [];
  const offsets = [0];
  for (let text = 0; text < count; text++) {
    ids.push(1);
    continues.push(0);
    for (let word = 0; word < 30; word++) {
      const length = 1 + random.below(4);
      for (let i = 0; i < length; i++) {
        ids.push(10 + random.below(VOCABULARY - 10));
        continues.push(i > 0 ? 1 : 0);
      }
    }
    ids.push(2);
    continues.push(0);
    offsets.push(ids.length);
  }
  const batch = { ids: Int32Array.from(ids), offsets: Int32Array.from(offsets), segments: null };
  return { batch, continues: Int32Array.from(continues) };
}

describe('whole words', () => {
  const { batch, continues } = words(400);

  it('are masked with all of their tokens, about 15 % of them, and special tokens never', () => {
    const { tokens, labels } = maskTokens(batch, settings, new SeededRandom(1), continues);
    const chosen = new Set(tokens.selected);
    for (const [i, continued] of continues.entries()) {
      if (continued === 1) expect(chosen.has(i)).toBe(chosen.has(i - 1));
      if (settings.kept.has(batch.ids[i] ?? 0)) expect(chosen.has(i)).toBe(false);
    }
    const share = chosen.size / (batch.ids.length - 800);
    expect(share).toBeGreaterThan(0.14);
    expect(share).toBeLessThan(0.16);
    expect([...labels]).toEqual([...tokens.selected].map((i) => batch.ids[i]));
    expect([...tokens.selected]).toEqual([...tokens.selected].sort((a, b) => a - b));
  });

  it('become the mask in 80 %, another token in 10 %, and stay in 10 % of the tokens', () => {
    const { tokens } = maskTokens(batch, settings, new SeededRandom(2), continues);
    const fates = { masked: 0, same: 0, other: 0 };
    for (const i of tokens.selected) {
      if (tokens.ids[i] === MASK) fates.masked++;
      else if (tokens.ids[i] === batch.ids[i]) fates.same++;
      else fates.other++;
    }
    const all = tokens.selected.length;
    expect(Math.abs(fates.masked / all - 0.8)).toBeLessThan(0.02);
    expect(Math.abs(fates.same / all - 0.1)).toBeLessThan(0.015);
    expect(Math.abs(fates.other / all - 0.1)).toBeLessThan(0.015);
    const untouched = [...batch.ids.keys()].filter((i) => !tokens.selected.includes(i));
    for (const i of untouched) expect(tokens.ids[i]).toBe(batch.ids[i]);
  });

  it('are the same for the same seed, and at least one of a batch', () => {
    const draw = (seed: number) =>
      maskTokens(batch, settings, new SeededRandom(seed), continues).tokens.selected;
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const rare = { ...settings, probability: 1e-9 };
    const { selected } = maskTokens(batch, rare, new SeededRandom(1), continues).tokens;
    expect(selected.length).toBeGreaterThan(0);
    const [first = 0] = selected;
    expect(continues[first]).toBe(0);
  });

  it('of a marker of no word are the tokens', () => {
    const alone = maskTokens(batch, settings, new SeededRandom(3));
    const none = new Int32Array(batch.ids.length);
    expect(maskTokens(batch, settings, new SeededRandom(3), none)).toEqual(alone);
  });
});

const at = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

/** The words of a text as its tokens are put together. */
async function wordsIn(name: string, text: string): Promise<string[]> {
  const tokenizer = await loadTokenizer(at(name));
  const { ids, continues } = await tokenizer.encodeWords([text], { maxTokens: 64 });
  const { starts, ends } = await tokenizer.encodeWithOffsets(text);
  const found: string[] = [];
  for (const i of ids.keys()) {
    const piece = text.slice(starts[i], ends[i]);
    if (piece === '') continue;
    if (continues[i] === 1) found.push(`${found.pop() ?? ''}${piece}`);
    else found.push(piece);
  }
  return found;
}

describe('words', () => {
  it('of WordPiece are runs of ## pieces', async () => {
    expect(await wordsIn('bert', 'the nationality, unpeopled')).toEqual([
      ...['the', 'nationality', ',', 'unpeopled'],
    ]);
  });

  it('of byte-level tokenizers end at white space and punctuation', async () => {
    expect(await wordsIn('roberta-seqcls', "the nationality, it's (unpeopled)")).toEqual([
      ...['the', 'nationality', ',', 'it', "'", 's', '(', 'unpeopled', ')'],
    ]);
  });

  it('of Chinese are its characters', async () => {
    const found = await wordsIn('roberta-seqcls', '人民 abc');
    expect(found.every((word) => [...word].length <= 1 || /^[a-z]+$/.test(word))).toBe(true);
    expect(found.at(-1)).toBe('abc');
  });
});

describe('MaskedLM', () => {
  const texts = Array.from({ length: 32 }, (_, i) => `the nationality of the peoples ${i % 4}`);

  it('trains and evaluates with whole words, and records it', async () => {
    await using model = await MaskedLM.load(at('bert'), { newHead: true });
    const options = { epochs: 2, wholeWordMask: true, eval: texts, seed: 1 } as const;
    const { steps, epochs } = await model.train(texts, options);
    expect(steps.every(({ loss }) => Number.isFinite(loss))).toBe(true);
    expect(epochs.at(-1)?.eval?.loss).toBeGreaterThan(0);
    const { training } = await model.info();
    expect(training?.settings).toMatchObject({ wholeWordMask: true, maskProbability: 0.15 });
    const whole = await model.evaluate(texts, { wholeWordMask: true, seed: 2 });
    expect(whole).toEqual(await model.evaluate(texts, { wholeWordMask: true, seed: 2 }));
    expect(whole.masked).not.toBe((await model.evaluate(texts, { seed: 2 })).masked);
    await expect(model.train(texts, { wholeWordMask: 1 as never })).rejects.toThrow(
      'train: wholeWordMask must be true or false, got 1',
    );
  });
});
