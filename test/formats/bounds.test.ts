/**
 * Model files that are too much, no files at all, or written to while they are read: refused by name and at once.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { partsOf } from '../../lib/checkpoint/load-model.js';
import { decodeUtf8, readJsonObject, readModelFile } from '../../lib/core/json.js';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { LENGTH_FILES } from '../../lib/formats/sentence-text.js';
import { SMALL_FILES } from '../../lib/formats/small-files.js';
import { openTorchFile } from '../../lib/formats/torch/torch-file.js';
import { openWeightFiles } from '../../lib/formats/weight-files.js';
import { Classifier } from '../../lib/models/classifier.js';
import { temporaryFolder } from './temporary-folder.js';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const TINY = fixture('encoders/bert-seqcls');

/** The least content of each small file, where it is more than an empty object. */
const CONTENT: Readonly<Record<string, unknown>> = {
  'modules.json': [{ type: 'sentence_transformers.models.Transformer', path: '' }],
  'sinter.json': { format: 1, model: {} },
};

async function copyOfTiny(): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(TINY, folder, { recursive: true });
  return folder;
}

async function fileOf(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

/** A safetensors file without numbers, from the JSON of its header. */
function withHeader(json: string): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  return Buffer.concat([prefix, Buffer.from(json)]);
}

const tooMuch = (message: string | RegExp) =>
  expect.objectContaining({ code: 'UNSUPPORTED_MODEL', message: expect.stringMatching(message) });

describe('JSON files', () => {
  it.each([
    [
      'longer than any config',
      'config.json',
      `{"a":"${'x'.repeat(2 ** 24)}"}`,
      'at most 16777216 b',
    ],
    ['nested deep', 'config.json', '['.repeat(2_000_000), 'at most 64 lists and objects inside'],
    [
      'nested one too deep',
      'config.json',
      `{"a":${'['.repeat(64)}${']'.repeat(64)}}`,
      'at most 64',
    ],
    [
      'of many values',
      'config.json',
      `{"a":[${'{},'.repeat(600_000)}1]}`,
      'at most 1000000 values',
    ],
    ['a tokenizer of many', 'tokenizer.json', `{"a":[${'1,'.repeat(4e6)}1]}`, '4000000 values'],
    [
      'a long vocab.txt',
      'vocab.txt',
      'a\n'.repeat(5_000_000),
      'at most 8388608 bytes, got 10000000',
    ],
  ])('%s', async (_, name, content, message) => {
    await expect(readModelFile(await fileOf(name, content))).rejects.toEqual(tooMuch(message));
  });

  it('as large as they may be are read', async () => {
    const deep = `{"a":${'['.repeat(63)}${']'.repeat(63)}}`;
    expect(await readJsonObject(await fileOf('config.json', deep))).toHaveProperty('a');
    // Brackets and commas inside texts are none.
    const text = JSON.stringify({ a: `${'[{,"\\'.repeat(300_000)}` });
    expect(await readJsonObject(await fileOf('config.json', text))).toEqual(JSON.parse(text));
  });

  it('with a key given twice are found wherever it is', async () => {
    const file = await fileOf(
      'config.json',
      `{${'"a":{"b":1},'.replace('a', 'x')}"a":1,"\\u0061":2}`,
    );
    await expect(readJsonObject(file)).rejects.toThrow('key "a" is given twice');
  });

  it('name the offset of the first byte that is not UTF-8, near block borders too', () => {
    for (const at of [0, 1, 65_534, 65_535, 65_536, 65_537, 200_001]) {
      for (const [filler, bad] of [
        ['a', [0xff]],
        ['é', [0xc3, 0x28]],
        ['😀', [0xf0, 0x9f, 0x28]],
      ] as const) {
        const head = Buffer.from(filler.repeat(Math.ceil(at / Buffer.byteLength(filler))));
        const bytes = Buffer.concat([head, Buffer.from(bad), Buffer.alloc(100_000, 0x61)]);
        let seen: unknown;
        try {
          decodeUtf8(bytes, 'x');
        } catch (error) {
          seen = error;
        }
        // A sequence that goes wrong is reported where it begins or within it.
        const { byteOffset } = (seen as { details: { byteOffset: number } }).details;
        expect(byteOffset).toBeGreaterThanOrEqual(head.length);
        expect(byteOffset).toBeLessThan(head.length + bad.length);
      }
    }
  });
});

describe('weights', () => {
  it('with a header beyond the limit', async () => {
    const file = await fileOf(
      'x.safetensors',
      withHeader(`{"__metadata__":{"a":"${'x'.repeat(9e6)}"}}`),
    );
    await expect(openSafetensors(file)).rejects.toEqual(
      tooMuch('header must be at most 8388608 b'),
    );
  });

  it('with more tensors, values or axes than any model has', async () => {
    const entry = (i: number) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;
    const many = `{${Array.from({ length: 50_001 }, (_, i) => entry(i)).join(',')}}`;
    const file = await fileOf('x.safetensors', withHeader(many));
    await expect(openSafetensors(file)).rejects.toEqual(
      tooMuch('at most 50000 tensors, got 50001'),
    );
    const list = `{"a":{"dtype":"F32","shape":[${'1,'.repeat(1_100_000)}1],"data_offsets":[0,4]}}`;
    await expect(openSafetensors(await fileOf('y.safetensors', withHeader(list)))).rejects.toEqual(
      tooMuch('header, which is JSON, must have at most 1000000 values'),
    );
    const axes = '{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,0]}}';
    await expect(openSafetensors(await fileOf('z.safetensors', withHeader(axes)))).rejects.toThrow(
      '"a" shape must have at most 8 axes, got 9',
    );
  });

  it('in more shards than can be open, or of more tensors', async () => {
    const folder = await temporaryFolder();
    const index = join(folder, 'model.safetensors.index.json');
    const write = (count: number, files: number) => {
      const names = Array.from({ length: count }, (_, i) => [`t${i}`, `s${i % files}.safetensors`]);
      return writeFile(index, JSON.stringify({ weight_map: Object.fromEntries(names) }));
    };
    await write(1000, 600);
    await expect(openWeightFiles(folder)).rejects.toEqual(tooMuch('at most 512 files, got 600'));
    await write(50_001, 3);
    await expect(openWeightFiles(folder)).rejects.toEqual(
      tooMuch('at most 50000 tensors, got 50001'),
    );
  });

  it('of a zip file with a directory beyond the limit', async () => {
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(60_000, 10);
    const table = Buffer.alloc(60_000 * 46);
    end.writeUInt32LE(table.length, 12);
    const file = await fileOf('pytorch_model.bin', Buffer.concat([table, end]));
    await expect(openTorchFile(file)).rejects.toEqual(tooMuch('at most 50100 entries, got 60000'));
  });
});

describe.skipIf(process.platform === 'win32')('a pipe instead of a file (not on Windows)', () => {
  it.each([
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
    'modules.json',
    'sentence_bert_config.json',
  ])('%s is refused at once', async (name) => {
    const folder = await copyOfTiny();
    if (name.startsWith('sentence')) {
      await writeFile(join(folder, 'modules.json'), JSON.stringify(CONTENT['modules.json']));
    }
    const path = join(folder, name);
    await rm(path, { force: true });
    execFileSync('mkfifo', [path]);
    await expect(Classifier.load(folder)).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: `${path}: not a regular file`,
    });
  });

  it('of torch and ONNX files is refused too, and so is a folder', async () => {
    const folder = await copyOfTiny();
    await rm(join(folder, 'model.safetensors'));
    execFileSync('mkfifo', [join(folder, 'pytorch_model.bin'), join(folder, 'model.onnx')]);
    await expect(Classifier.load(folder)).rejects.toThrow('pytorch_model.bin: not a regular file');
    await expect(Classifier.load(join(folder, 'model.onnx'))).rejects.toThrow('not a regular file');
    await rm(join(folder, 'config.json'));
    await cp(TINY, join(folder, 'config.json'), { recursive: true });
    await expect(Classifier.load(folder)).rejects.toThrow('config.json: is a folder, not a file');
  });
});

describe('a model that changes while it is read', () => {
  const request = { task: 'classification' } as const;
  const settings = { lanes: undefined, signal: undefined, seed: 0 };
  const changed = (file: string) =>
    expect.objectContaining({
      code: 'CORRUPT_MODEL',
      message: `${file}: changed while it was read`,
    });

  it('is loaded when nothing changes', async () => {
    const { parts } = await partsOf('x', await readHfFolder(await copyOfTiny()), request, settings);
    await parts.program.retire();
  });

  it.each([
    ['is written to', async (path: string) => writeFile(path, await readFile(path))],
    ['is touched', (path: string) => utimes(path, 1, 1)],
    [
      'is replaced by an equal one',
      async (path: string) => {
        await cp(path, `${path}.new`, { preserveTimestamps: true });
        await rename(`${path}.new`, path);
      },
    ],
    ['is removed', (path: string) => rm(path)],
  ])('a file that %s is noticed', async (_, change) => {
    for (const name of ['model.safetensors', 'config.json', 'tokenizer_config.json']) {
      const model = await copyOfTiny();
      const folder = await readHfFolder(model);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await change(join(model, name));
      await expect(partsOf('x', folder, request, settings)).rejects.toEqual(
        changed(join(model, name)),
      );
    }
  });

  it('is noticed in each of the small files that are there', async () => {
    const names = new Set([...SMALL_FILES, ...LENGTH_FILES]);
    names.delete('adapter_config.json');
    for (const name of names) {
      const model = await copyOfTiny();
      if (name === 'sinter.json') await rm(join(model, 'config.json'));
      const path = join(model, name);
      const content = JSON.stringify(CONTENT[name] ?? {});
      if (!existsSync(path)) await writeFile(path, content);
      const folder = await readHfFolder(model);
      await utimes(path, 1, 1);
      await expect(folder.checkUnchanged(), name).rejects.toEqual(changed(path));
      await folder.close();
    }
  });

  it('that gets shorter is noticed where it ends', async () => {
    const model = await copyOfTiny();
    const folder = await readHfFolder(model);
    await truncate(join(model, 'model.safetensors'), 5000);
    await expect(partsOf('x', folder, request, settings)).rejects.toThrow('bytes too early');
  });

  it('of torch is noticed', async () => {
    const path = await fileOf('pytorch_model.bin', await readFile(fixture('torch/state.bin')));
    const file = await openTorchFile(path);
    await file.checkUnchanged();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await writeFile(path, await readFile(fixture('torch/state.bin')));
    await expect(file.checkUnchanged()).rejects.toEqual(changed(path));
    await file.close();
  });
});
