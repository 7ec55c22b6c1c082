// Tokenizers made of plain vocabulary files are those that transformers wrote as tokenizer.json.
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type TextInput } from '../../lib/tokenize/text-tokenizer.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const ENCODERS = fileURLToPath(new URL('../../../shared/fixtures/encoders', import.meta.url));

interface TokenizerJson {
  readonly post_processor: object;
  readonly model: {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
  };
}

interface Sample {
  readonly text: string;
  readonly pair: string | null;
  readonly max_length: number | null;
  readonly input_ids: readonly number[];
  readonly attention_mask: readonly number[];
}

const read = (name: string, file: string) => readFileSync(join(ENCODERS, name, file), 'utf8');
const words = ({ model }: TokenizerJson) => Object.entries(model.vocab).sort((a, b) => a[1] - b[1]);

/** The plain files of a fixture in a folder, without its tokenizer.json. */
async function plainFolder(name: string): Promise<{ folder: string; json: TokenizerJson }> {
  const folder = await temporaryFolder();
  const json = JSON.parse(read(name, 'tokenizer.json')) as TokenizerJson;
  const files: Record<string, string> =
    name === 'roberta-seqcls'
      ? {
          'vocab.json': JSON.stringify(json.model.vocab),
          'merges.txt': `#version: 0.2\n${json.model.merges.map((m) => m.join(' ')).join('\n')}\n`,
        }
      : {
          'vocab.txt': words(json)
            .map(([word]) => `${word}\n`)
            .join(''),
        };
  for (const file of ['tokenizer_config.json', 'special_tokens_map.json']) {
    files[file] = read(name, file);
  }
  for (const [file, text] of Object.entries(files)) await writeFile(join(folder, file), text);
  return { folder, json };
}

async function checkSamples(name: string, folder: string): Promise<number> {
  const { tokenizer_samples: samples } = JSON.parse(read(name, 'golden.json')) as {
    tokenizer_samples: readonly Sample[];
  };
  const tokenizer = await loadTokenizer(folder);
  for (const { text, pair, max_length, input_ids, attention_mask } of samples) {
    const input: TextInput = typeof pair !== 'string' ? text : [text, pair];
    const { ids } = await tokenizer.encode([input], { maxTokens: max_length ?? 512 });
    expect([...ids], text).toEqual(input_ids.filter((_, i) => attention_mask[i] === 1));
  }
  return samples.length;
}

describe.skipIf(!existsSync(ENCODERS))('vocabulary files (needs ../shared/fixtures)', () => {
  it.each(['roberta-seqcls', 'mpnet', 'bert', 'distilbert-seqcls', 'electra-seqcls'])(
    '%s: same tokenizer.json, same ids',
    async (name) => {
      const { folder, json } = await plainFolder(name);
      const made = JSON.parse((await loadTokenizer(folder)).files.get('tokenizer.json') ?? '') as
        | TokenizerJson
        | undefined;
      expect(made?.model.vocab).toEqual(json.model.vocab);
      expect(made?.post_processor).toEqual(json.post_processor);
      expect(await checkSamples(name, folder)).toBeGreaterThan(10);
    },
  );

  it('the mask of RoBERTa takes the space before it along', async () => {
    const { folder } = await plainFolder('roberta-seqcls');
    const made = await loadTokenizer(folder);
    const fixture = await loadTokenizer(join(ENCODERS, 'roberta-seqcls'));
    for (const text of ['the <mask> of', 'a<mask>', '<s> the']) {
      expect((await made.encodeWithOffsets(text)).ids).toEqual(
        (await fixture.encodeWithOffsets(text)).ids,
      );
    }
  });
});

describe('folders that no tokenizer can be made from', () => {
  const VOCABULARY = JSON.stringify({
    '<s>': 0,
    '<pad>': 1,
    '</s>': 2,
    '<unk>': 3,
    '<mask>': 4,
    a: 5,
  });
  it.each([
    ['spiece.model', { 'spiece.model': 'x' }, 'UNSUPPORTED_MODEL', /spiece\.model is not read; in/],
    ['merges alone', { 'merges.txt': '' }, 'CORRUPT_MODEL', /no vocab\.txt, nor vocab\.json and/],
    [
      'a merge of three',
      { 'vocab.json': VOCABULARY, 'merges.txt': 'a b c\n' },
      'CORRUPT_MODEL',
      /merge 0 of merges\.txt must be two tokens, got "a b c"/,
    ],
    [
      'a merge of unknown tokens',
      { 'vocab.json': VOCABULARY, 'merges.txt': 'x y\n' },
      'CORRUPT_MODEL',
      /vocab\.json: model\.merges\[0\] must be a pair of tokens that the vocabulary has/,
    ],
    [
      'an id that is none',
      { 'vocab.json': '{"a": -1}', 'merges.txt': '' },
      'CORRUPT_MODEL',
      /"a" must have an id from 0, got -1/,
    ],
    [
      'another class',
      {
        'vocab.json': VOCABULARY,
        'merges.txt': '',
        'tokenizer_config.json': '{"tokenizer_class": "GPT2Tokenizer"}',
      },
      'UNSUPPORTED_MODEL',
      /unsupported tokenizer "GPT2Tokenizer" without tokenizer\.json/,
    ],
  ])('%s', async (_, files, code, message) => {
    const folder = await temporaryFolder();
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });
});
