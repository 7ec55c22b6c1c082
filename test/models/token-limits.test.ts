// Texts without tokens and tokens without vectors are typed errors that name the text, in every class of model; what a model
// makes of its tokenizer's settings is what it saves and exports.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  MaskedLM,
  OnnxModel,
  QuestionAnswerer,
  TokenClassifier,
} from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

type Json = Record<string, never>;
interface Tokenizer {
  post_processor: { special_tokens: Record<string, { ids: number[] }> } | null;
  normalizer: { lowercase: boolean };
  model: { vocab: Record<string, number> };
}

/** A fixture with another tokenizer. */
async function folderOf(
  name: string,
  change: (tokenizer: Tokenizer, config: Record<string, Json>) => void,
): Promise<string> {
  const folder = await temporaryFolder();
  await cp(join(FIXTURES, name), folder, { recursive: true });
  const [main, settings] = ['tokenizer.json', 'tokenizer_config.json'].map((file) =>
    join(folder, file),
  ) as [string, string];
  const tokenizer = JSON.parse(await readFile(main, 'utf8')) as Tokenizer;
  const config = JSON.parse(await readFile(settings, 'utf8')) as Record<string, Json>;
  change(tokenizer, config);
  await writeFile(main, JSON.stringify(tokenizer));
  await writeFile(settings, JSON.stringify(config));
  return folder;
}

const bare = (tokenizer: Tokenizer) => {
  tokenizer.post_processor = null;
};
const NEW = { content: '<new>', special: false };
const added = (_: Tokenizer, config: Record<string, Json>) => {
  Object.assign(config.added_tokens_decoder ?? {}, { 300: NEW });
};

/** Every call that gives a model one text, and the name of the text in its errors. */
const CALLS: readonly [
  string,
  string,
  (folder: string, text: string) => Promise<unknown>,
  string,
][] = [
  ['Encoder.embed', 'encoders/bert', embed, 'texts[1]'],
  [
    'Encoder.batch',
    'encoders/bert',
    async (folder, text) => {
      await using model = await Encoder.load(folder, { pooling: 'mean' });
      return await model.batch().run(text);
    },
    'run: text',
  ],
  [
    'Classifier.predict',
    'encoders/bert-seqcls',
    async (folder, text) => {
      await using model = await Classifier.load(folder);
      return await model.predict(['the', text]);
    },
    'texts[1]',
  ],
  [
    'CrossEncoder.score',
    'heads/bert-regression',
    async (folder, text) => {
      await using model = await CrossEncoder.load(folder);
      return await model.score([['', text]]);
    },
    'texts[0]',
  ],
  [
    'TokenClassifier.predict',
    'heads/bert-tokencls',
    async (folder, text) => {
      await using model = await TokenClassifier.load(folder);
      return await model.predict(['the', text]);
    },
    'texts[1]',
  ],
  [
    'QuestionAnswerer.answer',
    'heads/bert-qa',
    async (folder, text) => {
      await using model = await QuestionAnswerer.load(folder);
      return await model.answer('', text);
    },
    'answer: question',
  ],
  [
    'MaskedLM.fill',
    'encoders/bert-mlm',
    async (folder, text) => {
      await using model = await MaskedLM.load(folder);
      return await model.fill(text);
    },
    'fill: text',
  ],
];

async function embed(folder: string, text: string) {
  await using model = await Encoder.load(folder, { pooling: 'mean' });
  return await model.embed(['the', text]);
}

describe.each(CALLS)('%s', (_, fixture, call, name) => {
  it('a text without tokens', async () => {
    const error = (await call(await folderOf(fixture, bare), '').catch((e: unknown) => e)) as Error;
    expect(error).toMatchObject({ name: 'SinterError', code: 'INVALID_DATA' });
    expect(error.message).toBe(`${name} must be a text with at least one token, got ""`);
  });

  it('a token without a vector', async () => {
    const folder = await folderOf(fixture, added);
    const found = call(folder, 'a <new>');
    await expect(found).rejects.toMatchObject({ code: 'CORRUPT_MODEL', details: { file: folder } });
    await expect(found).rejects.toThrow(
      `${folder}: ${name} has a token with the id 300, but the model has only 300 vectors`,
    );
  });
});

describe('ids beyond the table', () => {
  it('of the vocabulary itself: the model does not load, though its tokens are few enough', async () => {
    const folder = await folderOf('encoders/bert', ({ model }) => {
      delete model.vocab.the;
      model.vocab.zzz = 400;
    });
    await expect(Encoder.load(folder)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: `${folder}: the tokenizer has ids up to 400, but the model has only 300 vectors`,
    });
  });

  it('of the template', async () => {
    const folder = await folderOf('encoders/bert', ({ post_processor }) => {
      Object.assign(post_processor?.special_tokens['[CLS]'] ?? {}, { ids: [999] });
    });
    await expect(embed(folder, 'a')).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringContaining('texts[0] has a token with the id 999') as string,
    });
  });

  it('of a mask: none', async () => {
    const folder = await folderOf('encoders/bert-mlm', (_, config) => {
      config.mask_token = '<mask>' as unknown as Json;
    });
    await expect(MaskedLM.load(folder)).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
  });

  it('a text without such a token computes, before and after saving', async () => {
    const folder = await folderOf('encoders/bert', added);
    await using model = await Encoder.load(folder, { pooling: 'mean' });
    await using plain = await Encoder.load(join(FIXTURES, 'encoders/bert'), { pooling: 'mean' });
    const wanted = (await plain.embed(['the nation'])).row(0);
    expect((await model.embed(['the nation'])).row(0)).toEqual(wanted);
    const path = join(await temporaryFolder(), 'saved');
    await model.save(path);
    await using again = await Encoder.load(path, { pooling: 'mean' });
    expect((await again.embed(['the nation'])).row(0)).toEqual(wanted);
    await expect(again.embed(['a <new>'])).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
  });

  it('a model without special tokens is quantized', async () => {
    const folder = await folderOf('encoders/bert', bare);
    await using model = await Encoder.load(folder, { pooling: 'mean' });
    await using int8 = await model.quantize();
    expect((await int8.embed(['the'])).row(0)).toHaveLength(20);
  });
});

describe('settings over tokenizer.json', () => {
  const cased = (tokenizer: Tokenizer) => {
    tokenizer.normalizer.lowercase = false;
  };

  it.each(['save', 'exportOnnxFolder'] as const)('%s writes them', async (how) => {
    const folder = await folderOf('encoders/bert', cased);
    const path = join(await temporaryFolder(), 'out');
    await using model = await Encoder.load(folder, { pooling: 'mean' });
    if (how === 'save') await model.save(path);
    else await model.exportOnnxFolder(path, { precisions: ['f32'] });
    const text = await readFile(join(path, 'tokenizer.json'), 'utf8');
    expect((JSON.parse(text) as Tokenizer).normalizer.lowercase).toBe(true);
    await using again = await (how === 'save'
      ? Encoder.load(path, { pooling: 'mean' })
      : Encoder.load(join(path, 'onnx/model.onnx')));
    const { ids } = await again.tokenize('The Nation and THE');
    expect([...ids]).toEqual([2, 144, 204, 147, 144, 3]);
  });

  it('an ONNX file takes the settings beside it', async () => {
    const folder = await folderOf('encoders/bert', cased);
    const path = join(await temporaryFolder(), 'out');
    await using model = await Encoder.load(folder, { pooling: 'mean' });
    await model.exportOnnxFolder(path, { precisions: ['f32'] });
    // Another tool would have left this tokenizer.json beside the file.
    await cp(join(folder, 'tokenizer.json'), join(path, 'tokenizer.json'));
    await using onnx = await OnnxModel.load(join(path, 'onnx/model.onnx'));
    expect([...(await onnx.tokenize('The Nation and THE')).ids]).toEqual([
      2, 144, 204, 147, 144, 3,
    ]);
  });
});
