// Token ids and offsets agree with recorded ones of transformers and transformers.js.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type TextInput, TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const MINILM = path('../../models/all-MiniLM-L6-v2');
const SHARED = path('../../../shared');
const GOLDEN = join(SHARED, 'data/tokenizer_golden/golden.jsonl');

interface GoldenCase {
  readonly model: string;
  readonly name: string;
  readonly text: string;
  readonly text_pair?: string;
  readonly ids: readonly number[];
}

function readCases(file: string): readonly GoldenCase[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as GoldenCase);
}

function fromJson(file: string, lowercase = false): Promise<TextTokenizer> {
  const text = readFileSync(file, 'utf8');
  const tokenizer = JSON.parse(text) as Record<string, never>;
  const files = new Map([['tokenizer.json', text]]);
  return TextTokenizer.fromFiles({ source: file, tokenizer, config: {}, files }, lowercase);
}

async function checkCases(tokenizer: TextTokenizer, cases: readonly GoldenCase[]): Promise<void> {
  const inputs: TextInput[] = cases.map(({ text, text_pair: pair }) =>
    pair === undefined ? text : [text, pair],
  );
  const { ids, offsets } = await tokenizer.encode(inputs, { maxTokens: 512 });
  for (const [i, { model, name, ids: expected }] of cases.entries()) {
    const found = [...ids.subarray(offsets[i], offsets[i + 1])];
    expect(found, `${model} ${name}`).toEqual(expected);
  }
}

describe('bert-base-uncased', () => {
  const cases = readCases(path('../fixtures/tokenizer/golden-uncased.jsonl'));
  it(`agrees on ${cases.length} recorded cases`, async () => {
    await checkCases(await loadTokenizer(MINILM), cases);
  });
});

describe.skipIf(!existsSync(GOLDEN))('all recorded cases of known vocabularies (../shared)', () => {
  const vocab = (name: string) => join(SHARED, 'data/vocab', name);
  it.each([
    [vocab('bert-base-uncased.vespa.tokenizer.json'), /bert-base-uncased$|uncased-finetuned/, 42],
    [vocab('bert-base-cased.made.tokenizer.json'), /\/bert-base-cased$|distilbert-base-cased/, 34],
    [join(SHARED, 'models/bge-small-zh-v1.5-q/tokenizer.json'), /bge-small-zh/, 19],
    [vocab('zh.made.tokenizer.json'), /bge-base-zh/, 7],
  ])('%s', async (file, models, count) => {
    const cases = readCases(GOLDEN).filter(({ model }) => models.test(model));
    expect(cases).toHaveLength(count);
    await checkCases(await fromJson(file), cases);
  });
});

interface Sample {
  readonly text: string;
  readonly pair: string | null;
  readonly max_length?: number;
  readonly input_ids: readonly number[];
  readonly attention_mask: readonly number[];
  readonly token_type_ids: readonly number[];
  readonly tokens: readonly string[];
  readonly offsets: readonly (readonly [number, number])[];
  readonly decoded: string;
}

describe.each(['bert', 'bert-seqcls', 'bert-gelu-new', 'bert-relu'])('fixture %s', (name) => {
  const folder = path(`../fixtures/encoders/${name}`);
  const golden = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as {
    tokenizer_samples: readonly Sample[];
  };

  it('agrees on ids, segments and truncation', async () => {
    const tokenizer = await loadTokenizer(folder);
    for (const sample of golden.tokenizer_samples) {
      const input: TextInput = sample.pair === null ? sample.text : [sample.text, sample.pair];
      const encoded = await tokenizer.encode([input], { maxTokens: sample.max_length ?? 64 });
      const real = (values: readonly number[]) => values.filter((_, i) => sample.attention_mask[i]);
      expect([...encoded.ids]).toEqual(real(sample.input_ids));
      expect([...encoded.segments]).toEqual(real(sample.token_type_ids));
      expect(await tokenizer.decode(encoded.ids)).toBe(sample.decoded);
    }
  });

  it('agrees on tokens and offsets, which count UTF-16 units', async () => {
    const tokenizer = await loadTokenizer(folder);
    const whole = golden.tokenizer_samples.filter((s) => s.pair === null && !s.max_length);
    expect(whole.length).toBeGreaterThan(5);
    for (const { text, tokens, offsets } of whole) {
      const found = await tokenizer.encodeWithOffsets(text);
      const points = [...text];
      expect(found.tokens).toEqual(tokens);
      for (const [i, [start, end]] of offsets.entries()) {
        const slice = text.slice(found.starts[i], found.ends[i]);
        expect(slice).toBe(points.slice(start, end).join(''));
      }
    }
  });
});
