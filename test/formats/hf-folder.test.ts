// Model folders: shards, clear refusals, and writing all or nothing; sentence-files.test.ts has what their sentence-transformers
// files say.
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import { type HfFolderContent, writeHfFolder } from '../../lib/formats/hf-folder-writer.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import { PLAIN_SENTENCE } from '../../lib/graph/sentence.js';
import { modelFolder } from './model-folder.js';
import { temporaryFolder } from './temporary-folder.js';

describe('readHfFolder', () => {
  it('names what is missing', async () => {
    const corrupt = (message: RegExp) => ({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(message) as string,
    });
    await expect(readHfFolder('/no/such')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: '/no/such: no such file or folder',
    });
    const folder = await modelFolder();
    const file = join(folder, 'config.json');
    await expect(readHfFolder(file)).rejects.toMatchObject(
      corrupt(/config\.json: is a file; a model is a folder/),
    );
    for (const name of ['model', 'golden']) await rm(join(folder, `${name}.safetensors`));
    await expect(readHfFolder(folder)).rejects.toMatchObject(
      corrupt(/model\.safetensors: no such file, and no pytorch_model\.bin$/),
    );
    await writeFile(join(folder, 'pytorch_model.bin'), '');
    await expect(readHfFolder(folder)).rejects.toMatchObject(
      corrupt(/pytorch_model\.bin: not a zip file/),
    );
    await rm(file);
    await expect(readHfFolder(folder)).rejects.toMatchObject(corrupt(/config\.json: no such file/));
  });

  it('refuses a config.json that is not one well-formed object', async () => {
    for (const [bytes, message] of [
      [Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x7d]), /config\.json: invalid UTF-8 at byte 3/],
      [Buffer.from('{"a":'), /config\.json: not valid JSON/],
      [Buffer.from('null'), /config\.json: must be a JSON object, got null/],
      [Buffer.from('{"a":{"b":"\\"b","b":2}}'), /config\.json: key "b" is given twice/],
    ] as const) {
      const folder = await modelFolder();
      await writeFile(join(folder, 'config.json'), bytes);
      const error = await readHfFolder(folder).catch((e: unknown) => e);
      expect(error).toMatchObject({
        code: 'CORRUPT_MODEL',
        message: expect.stringMatching(message),
      });
    }
  });

  it('reads shards as one set and refuses an index that lies', async () => {
    const folder = await modelFolder();
    const whole = join(folder, 'model.safetensors');
    const file = await openSafetensors(whole);
    const names = [...file.tensors.keys()];
    const map: Record<string, string> = {};
    for (const [part, shard] of ['a.safetensors', 'b.safetensors'].entries()) {
      const own = names.filter((_, i) => i % 2 === part);
      for (const name of own) map[name] = shard;
      const entries = own.map((name) => {
        const { dtype, shape } = file.tensors.get(name) ?? { dtype: 'U8', shape: [0] };
        return { name, dtype, shape, data: () => file.readBytes(name) };
      });
      await writeSafetensors(join(folder, shard), entries);
    }
    const expected = await file.readFloats('pooler.dense.bias');
    await file.close();
    await rm(whole);
    const writeIndex = (weights: unknown) =>
      writeFile(`${whole}.index.json`, JSON.stringify({ weight_map: weights }));
    await writeIndex(map);
    const sharded = await readHfFolder(folder);
    expect([...sharded.tensors.keys()].sort()).toEqual([...names].sort());
    expect(await sharded.weights.readFloats('pooler.dense.bias')).toEqual(expected);
    await sharded.close();
    for (const [weights, message] of [
      [{ ...map, 'pooler.dense.bias': '../b.safetensors' }, /file here, got "\.\.\/b/],
      [{ ...map, ghost: 'a.safetensors' }, /"ghost" is not in a\.safetensors/],
      [[], /weight_map must be an object/],
    ] as const) {
      await writeIndex(weights);
      await expect(readHfFolder(folder)).rejects.toThrow(message);
    }
  });
});

describe('writeHfFolder', () => {
  const content: HfFolderContent = {
    config: { model_type: 'bert' },
    weights: [{ name: 'w', dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }],
    files: new Map([['tokenizer.json', '{}']]),
  };
  const settings = {
    ...PLAIN_SENTENCE,
    pooling: ['mean'],
    modules: [{ kind: 'normalize' }],
    maxTokens: 256,
  } as const;

  it('writes what it reads, sentence files in the older form', async () => {
    const path = join(await temporaryFolder(), 'deep', 'model');
    await writeHfFolder(path, { ...content, sentence: { settings, width: 32 } });
    const back = await readHfFolder(path);
    expect(back.config).toEqual(content.config);
    expect(back.sentence).toEqual(settings);
    expect([...(await back.weights.readFloats('w'))]).toEqual([1, 2]);
    await back.close();
    const pooling = JSON.parse(
      await readFile(join(path, '1_Pooling/config.json'), 'utf8'),
    ) as object;
    expect(pooling).toMatchObject({ word_embedding_dimension: 32, pooling_mode_mean_tokens: true });
    expect(pooling).not.toHaveProperty('embedding_dimension');
    expect(await readdir(join(path, '..'))).toEqual(['model']);
  });

  it('replaces a model only when asked, and never another folder', async () => {
    const parent = await temporaryFolder();
    const path = join(parent, 'model');
    await mkdir(path);
    await writeHfFolder(path, content);
    const stale = join(path, '2_Dense');
    await mkdir(stale);
    await writeFile(join(stale, 'config.json'), '{}');
    await expect(writeHfFolder(path, content)).rejects.toThrow(/overwrite: true/);
    await writeHfFolder(path, content, { overwrite: true });
    expect(await readdir(path)).not.toContain('2_Dense');
    await writeFile(join(path, 'notes.txt'), '');
    await expect(writeHfFolder(path, content, { overwrite: true })).rejects.toThrow(
      /it holds notes\.txt/,
    );
    await rm(join(path, 'notes.txt'));
    await rm(join(path, 'config.json'));
    await expect(writeHfFolder(path, content, { overwrite: true })).rejects.toThrow(
      /config\.json to/,
    );
    const file = join(path, 'tokenizer.json');
    await expect(writeHfFolder(file, content)).rejects.toThrow(/folder or a new name/);
    expect(await readdir(parent)).toEqual(['model']);
  });

  it('leaves the old folder and nothing else when writing fails', async () => {
    const parent = await temporaryFolder();
    const path = join(parent, 'model');
    const lost = () => Promise.reject(new Error('lost the weights'));
    const bad = {
      ...content,
      weights: [{ name: 'w', dtype: 'F32', shape: [2], data: lost }] as const,
    };
    await expect(writeHfFolder(path, bad)).rejects.toThrow('lost the weights');
    expect(await readdir(parent)).toEqual([]);
    await writeHfFolder(path, content);
    await expect(writeHfFolder(path, bad, { overwrite: true })).rejects.toThrow('lost the weights');
    const back = await readHfFolder(path);
    expect([...(await back.weights.readFloats('w'))]).toEqual([1, 2]);
    await back.close();
    expect(await readdir(parent)).toEqual(['model']);
  });
});
