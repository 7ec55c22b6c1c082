/**
 * What is wrong with a path reaches the terminal in one line, from every command that takes one, and says what to do there.
 */
import { cp, rm, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();

/** Exit code and the line of the error, with DIR for the scratch folder. */
async function failure(args: readonly string[]): Promise<{ code: number | null; line: string }> {
  const env = { HF_HOME: scratch.path('hf'), HF_HUB_CACHE: '', HUGGINGFACE_HUB_CACHE: '' };
  const { code, stderr } = await sinter(args, { env });
  const lines = stderr.split('\n').filter((text) => text.startsWith('error: '));
  expect(lines).toHaveLength(1);
  return { code, line: lines[0]?.replaceAll(scratch.path(), 'DIR') ?? '' };
}

describe('a model that is not there', () => {
  const data = () => scratch.file('rows.csv', 'text,label\na,x\nb,y\n');

  it.each([
    ['embed', async () => ['embed', 'a', '--model', 'bert-base-uncased']],
    ['inspect', async () => ['inspect', 'bert-base-uncased']],
    [
      'convert',
      async () => ['convert', '--model', 'bert-base-uncased', '--out', scratch.path('x.onnx')],
    ],
    ['evaluate', async () => ['evaluate', '--model', 'bert-base-uncased', '--data', await data()]],
    [
      'train',
      async () => [
        ...['train', '--model', 'bert-base-uncased', '--new-head', '--train', await data()],
        ...['--out', scratch.path('x')],
      ],
    ],
  ])('%s names the folder, the cache and `sinter pull`', async (command, args) => {
    const { code, line } = await failure(await args());
    const where = command === 'inspect' ? command : '--model';
    expect({ code, line }).toEqual({
      code: 6,
      line:
        `error: ${where}: bert-base-uncased is no file or folder here, and revision main of a model of this name ` +
        'is not in the cache DIR/hf/hub; run `sinter pull bert-base-uncased`',
    });
  });

  it('as a path has no id to be looked up', async () => {
    expect(await failure(['embed', 'a', '--model', scratch.path('nowhere')])).toEqual({
      code: 2,
      line: 'error: DIR/nowhere: no such file or folder',
    });
  });
});

it('a model of a family that is not supported is named as such by every command', async () => {
  const folder = scratch.path('gpt2');
  await cp(TINY, folder, { recursive: true });
  await writeFile(scratch.path('gpt2', 'config.json'), '{"model_type":"gpt2"}');
  await rm(scratch.path('gpt2', 'tokenizer.json'));
  for (const args of [
    ['embed', 'a', '--model', folder],
    ['predict', 'a', '--model', folder],
    ['inspect', folder],
  ]) {
    const { code, line } = await failure(args);
    expect(code).toBe(4);
    expect(line).toMatch(
      /^error: DIR\/gpt2\/config.json: unsupported model_type "gpt2" \(supported: bert, /,
    );
  }
});

it('a Git LFS pointer and an adapter are named', async () => {
  const folder = scratch.path('model');
  await cp(TINY, folder, { recursive: true });
  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 77\n';
  await writeFile(scratch.path('model', 'model.safetensors'), pointer);
  expect(await failure(['inspect', folder])).toEqual({
    code: 4,
    line:
      'error: DIR/model/model.safetensors: is a Git LFS pointer, not the file itself (77 bytes are missing); ' +
      'fetch it with `git lfs pull`',
  });
  await writeFile(scratch.path('model', 'adapter_config.json'), '{"peft_type":"LORA"}');
  const { code, line } = await failure(['embed', 'a', '--model', folder]);
  expect(code).toBe(4);
  expect(line).toMatch(
    /^error: DIR\/model\/adapter_config\.json: an adapter \(PEFT, LORA\), not a model by itself; load its base and merge the folder into it: `sinter convert --adapter`/,
  );
});

it('a file of JSON lines that is one array is named', async () => {
  const file = await scratch.file('rows.jsonl', '[{"text":"a","label":"x"}]\n');
  const { code, line } = await failure(['embed', '--input', file]);
  expect(code).toBe(3);
  expect(line).toMatch(/^error: DIR\/rows\.jsonl:1: begins with an array; each line must be one/);
  expect(line).toMatch(/--data-format json reads a file that is one array/);
});
