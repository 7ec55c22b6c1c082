/**
 * What --overwrite may replace: a model as Sinter writes it, with nothing else in it, that nobody reads or works in.
 */
import { mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FolderPlace } from '../../lib/files/index.js';
import { checkOwnModel, checkOwnQuickstart } from '../../lib/formats/own-folder.js';
import {
  Classifier,
  CrossEncoder,
  Encoder,
  MaskedLM,
  QuestionAnswerer,
  TokenClassifier,
} from '../../lib/index.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));

/** A folder with these files; `/` at the end makes a folder. */
async function folderOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = join(await temporaryFolder(), 'folder');
  await mkdir(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const MODEL = { 'config.json': '{"model_type": "bert"}', 'model.safetensors': '' };

describe('a folder that Sinter wrote may be replaced', () => {
  it('of every class of model, quantized, as ONNX, and trained by the command line', async () => {
    const folder = await temporaryFolder();
    await using encoder = await Encoder.load(fixture('bert'), { pooling: 'mean', normalize: true });
    await using small = await encoder.quantize();
    await using classifier = await Classifier.load(fixture('bert-seqcls'));
    await using tagger = await TokenClassifier.load(fixture('bert'), { labels: ['O', 'B-X'] });
    await using answerer = await QuestionAnswerer.load(fixture('bert'), { newHead: true });
    await using filler = await MaskedLM.load(fixture('bert'), { newHead: true });
    await using scorer = await CrossEncoder.load(fixture('bert'), { newHead: true });
    const heads = [tagger, answerer, filler, scorer];
    for (const [i, model] of [encoder, small, classifier, ...heads].entries()) {
      const path = join(folder, String(i));
      await model.save(path);
      await checkOwnModel(path);
      await model.save(path, { overwrite: true });
    }
    const onnx = join(folder, 'onnx');
    await classifier.exportOnnxFolder(onnx, { externalData: true });
    await checkOwnModel(onnx);
    await classifier.exportOnnxFolder(onnx, { precisions: ['f32'], overwrite: true });
    expect(await readdir(join(onnx, 'onnx'))).toEqual(['model.onnx']);
    const trained = join(folder, 'trained');
    await classifier.save(trained);
    await small.save(join(trained, 'int8'));
    await writeFile(join(trained, 'training.json'), '{}');
    await checkOwnModel(trained);
  });

  it('of the quickstart, and only such a one', async () => {
    const files = {
      'quickstart.json': '{}',
      'report.html': '',
      'model.onnx': '',
      'model/config.json': '{}',
    };
    await checkOwnQuickstart(await folderOf(files));
    const more = await folderOf({ ...files, 'notes.md': '' });
    await expect(checkOwnQuickstart(more)).rejects.toThrow(/it holds notes\.md/);
    await expect(checkOwnQuickstart(await folderOf(MODEL))).rejects.toThrow(/of the quickstart/);
  });

  it('with what the system or a crash left in it', async () => {
    await checkOwnModel(await folderOf({ ...MODEL, '.DS_Store': '' }));
  });
});

describe('another folder may not', () => {
  it.each([
    [
      'a project',
      { 'config.json': '{}', 'package.json': '{}', 'src/index.js': '' },
      /it holds package\.json, src\/index\.js\)/,
    ],
    [
      'an application with nothing but its config.json',
      { 'config.json': '{"port": 80}' },
      /weights and config\.json/,
    ],
    [
      'a config.json of an application beside weights',
      { 'config.json': '{"port": 80}', 'model.safetensors': '' },
      /weights and config\.json/,
    ],
    ['weights without config.json', { 'model.safetensors': '' }, /weights and config\.json/],
    ['a model with notes', { ...MODEL, 'notes.txt': '' }, /it holds notes\.txt\)/],
    [
      'a model with many others',
      { ...MODEL, a: '', b: '', c: '', d: '' },
      /it holds a, b, c and 1 more\)/,
    ],
    ['a model with a project beside it', { ...MODEL, 'src/main.py': '' }, /src\/main\.py/],
    [
      'a model of a repository',
      { ...MODEL, '.git/config': '', 'README.md': '' },
      /\.git\/config, README\.md/,
    ],
    ['a model with data of its own', { ...MODEL, 'onnx/other.onnx': '' }, /onnx\/other\.onnx/],
    [
      'a model with a checkpoint in it',
      { ...MODEL, 'checkpoint-500/model.safetensors': '' },
      /checkpoint-500/,
    ],
    [
      'files of pickle',
      { 'config.json': MODEL['config.json'], 'pytorch_model.bin': '' },
      /pytorch_model\.bin/,
    ],
    ['a folder of files', { 'letter.txt': '' }, /letter\.txt/],
  ])('%s', async (_name, files, says) => {
    const folder = await folderOf(files as Record<string, string>);
    await expect(checkOwnModel(folder)).rejects.toThrow(RangeError);
    await expect(checkOwnModel(folder)).rejects.toThrow(says);
    await using model = await Classifier.load(fixture('bert-seqcls'));
    await expect(model.save(folder, { overwrite: true })).rejects.toThrow(says);
    await expect(model.exportOnnxFolder(folder, { overwrite: true })).rejects.toThrow(says);
    for (const name of Object.keys(files))
      await expect(rm(join(folder, name))).resolves.toBeUndefined();
  });

  it('one with links, as in the cache of the hub', async () => {
    const folder = await folderOf({ 'config.json': MODEL['config.json'] });
    await symlink('../blob', join(folder, 'model.safetensors'));
    await expect(checkOwnModel(folder)).rejects.toThrow(/model\.safetensors \(no plain file\)/);
  });
});

describe('what is in use is never replaced, whatever is in it', () => {
  const mayReplace = async () => {};
  const refused = (path: string, inputs: readonly string[] = []) =>
    expect(FolderPlace.take(path, { mayReplace, inputs })).rejects;

  it('the current folder and those around it, the home folder, the root', async () => {
    const folder = await folderOf({ 'inner/x': '', ...MODEL });
    const before = process.cwd();
    onTestFinished(() => process.chdir(before));
    process.chdir(join(folder, 'inner'));
    await refused('.').toThrow(/another folder than the current folder/);
    await refused('..').toThrow(/does not hold the current folder/);
    await refused(folder).toThrow(/does not hold the current folder/);
    await refused(homedir()).toThrow(/the home folder|the current folder/);
    await refused('/').toThrow(RangeError);
  });

  it('an input, and a folder around it, under any name', async () => {
    const folder = await folderOf({ 'data/train.csv': '', 'model/config.json': '', 'other/x': '' });
    const [data, model] = [join(folder, 'data', 'train.csv'), join(folder, 'model')];
    await refused(join(folder, 'data'), [data]).toThrow(/does not hold .*train\.csv/);
    await refused(folder, [model]).toThrow(/does not hold .*model/);
    await refused(model, [model]).toThrow(/another folder than .*model/);
    await symlink('model', join(folder, 'link'));
    await refused(join(folder, 'link'), [model]).toThrow(/another folder than .*model/);
    await refused(model, [join(folder, 'link', 'config.json')]).toThrow(/does not hold/);
    await (
      await FolderPlace.take(join(folder, 'other'), {
        mayReplace,
        inputs: [data, model, 'org/name'],
      })
    ).discard();
  });

  it('a model may be saved where it was loaded from, not around it', async () => {
    const folder = join(await temporaryFolder(), 'model');
    await using first = await Classifier.load(fixture('bert-seqcls'));
    await first.save(folder);
    await first.save(join(folder, 'int8'));
    await using model = await Classifier.load(join(folder, 'int8'));
    await expect(model.save(folder, { overwrite: true })).rejects.toThrow(/does not hold .*int8/);
    await model.save(join(folder, 'int8'), { overwrite: true });
    await using outer = await Classifier.load(folder);
    await outer.save(folder, { overwrite: true });
  });
});
