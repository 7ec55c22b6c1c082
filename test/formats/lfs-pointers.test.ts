/**
 * Git LFS pointers in place of a model's and a data set's files: each is called what it is, by its own path.
 */
import { cp, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { pointerProblem } from '../../lib/core/lfs-pointer.js';
import { readAllRows } from '../../lib/data/index.js';
import { Classifier, Encoder } from '../../lib/index.js';
import { temporaryFolder } from './temporary-folder.js';

const at = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));

const POINTER =
  'version https://git-lfs.github.com/spec/v1\n' +
  'oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n' +
  'size 124404\n';
const PROBLEM =
  'is a Git LFS pointer, not the file itself (124404 bytes are missing); fetch it with `git lfs pull`';

/** A copy of a fixture where `files` are pointers, whether they were there or not. */
async function folderWith(fixtures: readonly string[], files: readonly string[]): Promise<string> {
  const folder = await temporaryFolder();
  for (const fixture of fixtures) await cp(at(fixture), folder, { recursive: true });
  for (const file of files) await writeFile(join(folder, file), POINTER);
  return folder;
}

/** The message of what loading throws, with the name of the file in place of its path. */
async function refusal(load: Promise<unknown>): Promise<string> {
  const error = await load.then(
    () => new Error('loaded'),
    (thrown: Error & { code?: string; details?: { file?: string } }) => thrown,
  );
  const { code, details, message } = error as Error & {
    code?: string;
    details?: { file?: string };
  };
  const file = details?.file ?? '';
  return `${code} ${message.replace(file, basename(file))}`;
}

describe('a pointer in place of a file of a model folder', () => {
  it.each([
    'config.json',
    'model.safetensors',
    'tokenizer.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'added_tokens.json',
    'vocab.txt',
    'vocab.json',
    'merges.txt',
    'modules.json',
    'training.json',
  ])('%s', async (file) => {
    const folder = await folderWith(['encoders/bert-seqcls'], [file]);
    expect(await refusal(Classifier.load(folder))).toBe(`CORRUPT_MODEL ${file}: ${PROBLEM}`);
  });

  it.each([
    'sentence_bert_config.json',
    'config_sentence_transformers.json',
    '1_Pooling/config.json',
    '2_Dense/config.json',
    '2_Dense/model.safetensors',
  ])('of sentence-transformers: %s', async (file) => {
    const folder = await folderWith(['encoders/bert', 'sentence/dense'], [file]);
    expect(await refusal(Encoder.load(folder))).toBe(`CORRUPT_MODEL ${basename(file)}: ${PROBLEM}`);
  });

  it.each([
    ['pytorch_model.bin', ['pytorch_model.bin']],
    ['model.safetensors.index.json', ['model.safetensors.index.json']],
    ['model-00001-of-00001.safetensors', ['model-00001-of-00001.safetensors']],
  ])('weights in %s', async (file, pointers) => {
    const folder = await folderWith(['encoders/bert-seqcls'], pointers);
    await rm(join(folder, 'model.safetensors'));
    if (file.startsWith('model-0')) {
      const index = { weight_map: { 'bert.embeddings.word_embeddings.weight': file } };
      await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
    }
    expect(await refusal(Classifier.load(folder))).toBe(`CORRUPT_MODEL ${file}: ${PROBLEM}`);
  });

  it('an ONNX file, and the file of its tensors', async () => {
    await using model = await Classifier.load(at('encoders/bert-seqcls'));
    const folder = join(await temporaryFolder(), 'exported');
    await model.exportOnnxFolder(folder, { externalData: true });
    const files = (await readdir(join(folder, 'onnx'))).filter((name) =>
      name.startsWith('model.onnx'),
    );
    expect(files).toHaveLength(2);
    for (const file of files.sort().reverse()) {
      await writeFile(join(folder, 'onnx', file), POINTER);
      expect(await refusal(Classifier.load(folder))).toBe(`CORRUPT_MODEL ${file}: ${PROBLEM}`);
    }
    expect(await refusal(Classifier.load(join(folder, 'onnx/model.onnx')))).toContain(PROBLEM);
  });
});

it.each(['rows.csv', 'rows.tsv', 'rows.jsonl'])('a pointer in place of %s', async (file) => {
  const folder = await folderWith([], [file]);
  expect(await refusal(readAllRows(join(folder, file)))).toBe(`INVALID_DATA ${file}: ${PROBLEM}`);
});

describe('what is a pointer', () => {
  const problem = (text: string, size = text.length) => pointerProblem(Buffer.from(text), size);

  it('is known by its first line, of either address, with any line ends', () => {
    expect(problem(POINTER)).toBe(PROBLEM);
    expect(problem(POINTER.replaceAll('\n', '\r\n'))).toBe(PROBLEM);
    expect(problem(POINTER.replace('git-lfs.github.com', 'hawser.github.com'))).toBe(PROBLEM);
    expect(problem(POINTER.replace('oid', 'ext-0-foo sha256:00\noid'))).toBe(PROBLEM);
    expect(problem('version https://git-lfs.github.com/spec/v1')).toBe(
      PROBLEM.replace(' (124404 bytes are missing)', ''),
    );
  });

  it('no other file is one', () => {
    expect(problem('')).toBeNull();
    expect(problem('version 1\nsize 3\n')).toBeNull();
    expect(problem(`text\n${POINTER}`)).toBeNull();
    expect(problem(POINTER + ' '.repeat(1024))).toBeNull();
  });
});
