/**
 * Folders that are no model to load, though they hold one in some way: adapters, weights under other names, paths that lead
 * elsewhere. Each message says what is there and what to do.
 */
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { chooseFiles } from '../../lib/hub/model-files.js';
import { Classifier, Encoder } from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const LORA = { peft_type: 'LORA', base_model_name_or_path: 'org/base', r: 8 };

/** A copy of the classifier in a folder of its own, without `missing`, with `files`. */
async function folderWith(
  files: Readonly<Record<string, string>>,
  missing: readonly string[] = [],
): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(at('encoders/bert-seqcls'), folder, { recursive: true });
  for (const name of ['golden.safetensors', ...missing]) await rm(join(folder, name));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** `code: message` of what loading throws, with FOLDER for the folder. */
async function refusal(folder: string, load: Promise<unknown> = Classifier.load(folder)) {
  const error = (await load.then(
    () => new Error('loaded'),
    (thrown: Error) => thrown,
  )) as Error & { code?: string };
  return `${error.code}: ${error.message.replaceAll(folder, 'FOLDER')}`;
}

describe('an adapter', () => {
  const MERGE =
    'load its base and merge the folder into it: mergeAdapter(folder), or `sinter convert --adapter`';

  it.each([
    ['alone', ['config.json', 'model.safetensors']],
    ['with a config.json', ['model.safetensors']],
    ['with config.json and the weights of the model', []],
  ])('%s', async (_, missing) => {
    const files = { 'adapter_config.json': JSON.stringify(LORA), 'adapter_model.safetensors': '' };
    const folder = await folderWith(files, missing);
    expect(await refusal(folder)).toBe(
      'UNSUPPORTED_MODEL: FOLDER/adapter_config.json: an adapter (PEFT, LORA) of the model "org/base", ' +
        `not a model by itself; ${MERGE}`,
    );
  });

  it('beside an ONNX file, but not that file itself', async () => {
    await using model = await Classifier.load(at('encoders/bert-seqcls'));
    const folder = join(await temporaryFolder(), 'model');
    await model.exportOnnxFolder(folder);
    await writeFile(join(folder, 'adapter_config.json'), JSON.stringify(LORA));
    expect(await refusal(folder)).toMatch(/^UNSUPPORTED_MODEL: .*PEFT, LORA/);
    await using file = await Classifier.load(join(folder, 'onnx/model.onnx'));
    expect(file.labels).toEqual(model.labels);
  });

  it('in the transformer folder of a sentence-transformers model', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await cp(at('encoders/bert'), join(folder, '0_Transformer'), { recursive: true });
    const type = 'sentence_transformers.models.Transformer';
    await writeFile(
      join(folder, 'modules.json'),
      JSON.stringify([{ type, path: '0_Transformer' }]),
    );
    await writeFile(join(folder, '0_Transformer/adapter_config.json'), JSON.stringify(LORA));
    expect(await refusal(folder, Encoder.load(folder))).toMatch(
      /^UNSUPPORTED_MODEL: FOLDER\/0_Transformer\/adapter_config\.json: an adapter \(PEFT, LORA\)/,
    );
  });

  it('of prompts is not to be merged, and one of another library has no type', async () => {
    const prompts = JSON.stringify({ ...LORA, peft_type: 'PREFIX_TUNING' });
    expect(await refusal(await folderWith({ 'adapter_config.json': prompts }))).toMatch(
      /\(PEFT, PREFIX_TUNING\) of the model "org\/base", .*; its prompts cannot be merged/,
    );
    expect(await refusal(await folderWith({ 'adapter_config.json': '{}' }))).toMatch(
      /: an adapter \(no peft_type\), not a model by itself/,
    );
  });

  it('without its config is named where there are no other weights', async () => {
    const folder = await folderWith({ 'adapter_model.bin': '' }, ['model.safetensors']);
    expect(await refusal(folder)).toMatch(/; adapter_model\.bin is an adapter, to be merged/);
  });

  it('of the hub: only the files that are needed to refuse it are fetched', () => {
    const names = ['adapter_config.json', 'adapter_model.safetensors', 'config.json'];
    expect(chooseFiles(names)).toEqual(['adapter_config.json', 'config.json']);
  });
});

describe('weights under another name', () => {
  let onnx: string;
  beforeAll(async () => {
    await using model = await Classifier.load(at('encoders/bert-seqcls'));
    onnx = join(tmpdir(), `sinter-folder-errors-${process.pid}.onnx`);
    await model.exportOnnx(onnx);
    return () => rm(onnx);
  });

  it.each([['config.json'], [null]])('ONNX files, without %s', async (config) => {
    const missing = ['model.safetensors', ...(config === null ? [] : [config])];
    const folder = await folderWith({ 'onnx/model_q4.onnx': '' }, missing);
    await cp(onnx, join(folder, 'onnx/model_fp16.onnx'));
    const message = await refusal(folder);
    expect(message).toMatch(
      /^CORRUPT_MODEL: FOLDER\/(config\.json|model\.safetensors): no such file/,
    );
    const [, path = ''] =
      /; the ONNX files are onnx\/model_fp16\.onnx, onnx\/model_q4\.onnx: load one by its path, FOLDER(\S+)$/.exec(
        message,
      ) ?? [];
    await using model = await Classifier.load(folder + path);
    expect(model.labels).toHaveLength(3);
  });

  it('an ONNX file beside config.json', async () => {
    const folder = await folderWith({}, ['model.safetensors']);
    await cp(onnx, join(folder, 'model_optimized.onnx'));
    expect(await refusal(folder)).toBe(
      'CORRUPT_MODEL: FOLDER/model.safetensors: no such file, and no pytorch_model.bin; ' +
        'the ONNX file is model_optimized.onnx: load one by its path, FOLDER/model_optimized.onnx',
    );
  });

  it('other forms, without what a training leaves', async () => {
    const files = { 'tf_model.h5': '', 'optimizer.pt': '', 'training_args.bin': '' };
    expect(await refusal(await folderWith(files, ['model.safetensors']))).toMatch(
      /pytorch_model\.bin; weights that are not read: tf_model\.h5 \(in Python/,
    );
    const rest = { 'optimizer.pt': '' };
    expect(await refusal(await folderWith(rest, ['model.safetensors']))).toMatch(/_model\.bin$/);
  });

  it('in checkpoints of a training', async () => {
    const folder = await folderWith({ '1_Pooling/config.json': '{}' }, ['model.safetensors']);
    const runs = join(await temporaryFolder(), 'runs');
    await mkdir(runs);
    await rename(folder, join(runs, 'checkpoint-500'));
    expect(await refusal(runs)).toBe(
      'CORRUPT_MODEL: FOLDER/config.json: no such file; of its folders these have one: checkpoint-500',
    );
  });

  it('of the hub: quantized ONNX files where there are no others', () => {
    expect(chooseFiles(['onnx/model_quantized.onnx', 'onnx/model_q4.onnx'])).toEqual([
      'onnx/model_quantized.onnx',
    ]);
    expect(chooseFiles(['onnx/model_quantized.onnx', 'onnx/model.onnx'])).toEqual([
      'onnx/model.onnx',
    ]);
  });
});

describe('a path', () => {
  it('that leads nowhere, and one of a file', async () => {
    const folder = await folderWith({});
    const nowhere = join(folder, 'nowhere');
    expect(await refusal(folder, Classifier.load(nowhere))).toBe(
      'NOT_FOUND: FOLDER/nowhere: no such file or folder',
    );
    const file = join(folder, 'model.safetensors');
    expect(await refusal(folder, Classifier.load(file))).toBe(
      'CORRUPT_MODEL: FOLDER/model.safetensors: is a file; a model is a folder or an .onnx file: give the folder that it is in',
    );
  });
});
