// Settings of tokenizer_config.json and its older companions are applied as Python applies them, and saved.
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../lib/tokenize/setting-keys.js';
import {
  loadTokenizer,
  type TextInput,
  type TextTokenizer,
} from '../../lib/tokenize/text-tokenizer.js';
import { readTokenizerFiles } from '../../lib/tokenize/tokenizer-files.js';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { type FolderChanges, settingsFolder } from './settings-folder.js';

const ENCODERS = fileURLToPath(new URL('../fixtures/encoders', import.meta.url));

interface Case extends FolderChanges {
  readonly name: string;
  readonly ids: readonly (readonly number[])[];
  /** Segments of the last text, which is a pair. */
  readonly segments: readonly number[];
}

const { texts, cases } = JSON.parse(
  readFileSync(
    fileURLToPath(new URL('../fixtures/tokenizer/settings.json', import.meta.url)),
    'utf8',
  ),
) as { readonly texts: readonly TextInput[]; readonly cases: readonly Case[] };

async function encodeAll(tokenizer: TextTokenizer, inputs: readonly TextInput[] = texts) {
  const all: number[][] = [];
  let segments: number[] = [];
  for (const text of inputs) {
    const encoded = await tokenizer.encode([text], { maxTokens: 64 });
    all.push([...encoded.ids]);
    segments = [...encoded.segments];
  }
  return { ids: all, segments };
}

/** A folder with the files that are saved beside a model. */
async function saved(tokenizer: TextTokenizer, from: string): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, text] of tokenizer.files) await writeFile(join(folder, name), text);
  await cp(join(from, 'config.json'), join(folder, 'config.json'));
  return folder;
}

const parsed = (tokenizer: TextTokenizer, name = 'tokenizer.json') =>
  JSON.parse(tokenizer.files.get(name) ?? '{}') as Record<string, Record<string, unknown>>;

describe('ids of transformers 4.57 and 5.24', () => {
  it.each(cases)('$name', async ({ ids, segments, ...changes }) => {
    const folder = await settingsFolder(changes);
    const tokenizer = await loadTokenizer(folder);
    expect(await encodeAll(tokenizer)).toEqual({ ids, segments });
    // The saved files give the same ids, also to readers of tokenizer.json alone.
    const again = await loadTokenizer(await saved(tokenizer, folder));
    expect(await encodeAll(again)).toEqual({ ids, segments });
    expect(again.files).toEqual(tokenizer.files);
    const alone = await temporaryFolder();
    await writeFile(join(alone, 'tokenizer.json'), tokenizer.files.get('tokenizer.json') ?? '');
    expect((await encodeAll(await loadTokenizer(alone))).ids).toEqual(ids);
  });

  it('a folder whose files agree is kept byte by byte', async () => {
    const folder = await settingsFolder({ base: 'bert' });
    const { files } = await loadTokenizer(folder);
    for (const [name, text] of files) expect(text).toBe(await readFile(join(folder, name), 'utf8'));
  });

  it('the settings lie above an onnx folder too', async () => {
    const folder = await settingsFolder({ base: 'bert', config: '$remove' });
    const onnx = join(folder, 'onnx');
    await mkdir(onnx);
    const text = await readFile(join(folder, 'tokenizer.json'), 'utf8');
    await writeFile(
      join(onnx, 'tokenizer.json'),
      text.replace('"lowercase":true', '"lowercase":false'),
    );
    const tokenizer = await loadTokenizer(onnx);
    expect(parsed(tokenizer).normalizer).toMatchObject({ lowercase: true });
  });
});

describe('where versions of transformers differ', () => {
  const CASED = { 'normalizer.lowercase': false };

  it.each<[string, FolderChanges, string, readonly number[]]>([
    // Older versions of transformers honour the setting, newer ones ignore it.
    [
      'a stated prefix space of a plain class',
      {
        base: 'roberta-seqcls',
        config: { tokenizer_class: 'PreTrainedTokenizerFast', add_prefix_space: true },
      },
      'The Nation and THE',
      [0, 224, 55, 266, 224, 49, 284, 311, 267, 300, 224, 55, 43, 40, 2],
    ],
    // Newer versions leave the prefix space as it is, older ones take a missing setting for false.
    [
      'the prefix space of tokenizer.json',
      {
        base: 'roberta-seqcls',
        tokenizer: { 'pre_tokenizer.add_prefix_space': true },
        config: { tokenizer_class: 'PreTrainedTokenizerFast', add_prefix_space: '$remove' },
      },
      'The Nation and THE',
      [0, 224, 55, 266, 224, 49, 284, 311, 267, 300, 224, 55, 43, 40, 2],
    ],
    [
      'a plain class does not read do_lower_case',
      { base: 'bert', tokenizer: CASED, config: { tokenizer_class: 'PreTrainedTokenizerFast' } },
      'The Nation and THE',
      [2, 1, 1, 147, 1, 3],
    ],
    [
      'a normalizer that is not of BERT stays',
      { base: 'bert', tokenizer: { normalizer: { type: 'NFC' } } },
      'The Nation and THE',
      [2, 1, 1, 147, 1, 3],
    ],
    [
      'BERT without a normalizer gets its own',
      { base: 'bert', tokenizer: { normalizer: null } },
      'The Nation and THE',
      [2, 144, 204, 147, 144, 3],
    ],
    [
      'tokens of tokenizer.json alone',
      {
        base: 'bert',
        tokenizer: { 'added_tokens.5': { ...plain('<new>'), id: 300 } },
      },
      'a <new> of the NEW',
      [2, 5, 300, 145, 144, 219, 3],
    ],
    [
      'ideographs of MPNet',
      { base: 'mpnet', tokenizer: { 'normalizer.handle_chinese_chars': false } },
      'the 中国 of',
      [0, 145, 4, 4, 146, 2],
    ],
    [
      'lower case of DeBERTa',
      { base: 'deberta-v2-seqcls', config: { do_lower_case: true } },
      'The Nation and THE',
      [1, 5, 126, 15, 5, 2],
    ],
    [
      'lower case and accents of ALBERT',
      { base: 'albert', config: { do_lower_case: false, keep_accents: true } },
      'The Nation and THE',
      [2, 295, 1, 276, 273, 295, 1, 269, 87, 16, 295, 1, 3],
    ],
  ])('%s', async (_, changes, text, ids) => {
    const folder = await settingsFolder(changes);
    const tokenizer = await loadTokenizer(folder);
    expect([...(await tokenizer.encode([text], { maxTokens: 64 })).ids]).toEqual(ids);
    const again = await loadTokenizer(await saved(tokenizer, folder));
    expect([...(await again.encode([text], { maxTokens: 64 })).ids]).toEqual(ids);
  });

  it('saved files say it in a way that both read alike', async () => {
    const silent = await settingsFolder({
      base: 'roberta-seqcls',
      tokenizer: { 'pre_tokenizer.add_prefix_space': true },
      config: { tokenizer_class: 'PreTrainedTokenizerFast', add_prefix_space: '$remove' },
    });
    const config = parsed(await loadTokenizer(silent), 'tokenizer_config.json');
    expect(config.add_prefix_space).toBe(true);
    const own = await settingsFolder({ base: 'bert', tokenizer: { normalizer: { type: 'NFC' } } });
    expect(parsed(await loadTokenizer(own), 'tokenizer_config.json')).toMatchObject({
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_input_names: ['input_ids', 'token_type_ids', 'attention_mask'],
      mask_token: '[MASK]',
    });
    const ofModel = await settingsFolder({
      base: 'bert',
      tokenizer: CASED,
      config: { tokenizer_class: '$remove' },
      model: { tokenizer_class: 'PreTrainedTokenizerFast' },
    });
    expect(parsed(await loadTokenizer(ofModel), 'tokenizer_config.json').tokenizer_class).toBe(
      'PreTrainedTokenizer',
    );
    const json = await settingsFolder({
      base: 'bert',
      tokenizer: { 'added_tokens.5': { ...plain('<new>'), id: 300 } },
    });
    expect(
      parsed(await loadTokenizer(json), 'tokenizer_config.json').added_tokens_decoder?.['300'],
    ).toEqual(plain('<new>'));
  });

  it('lower case before the tokenizer is saved in both files', async () => {
    const folder = await settingsFolder({ base: 'bert', config: { do_lower_case: false } });
    const tokenizer = await loadTokenizer(folder, { lowercase: true });
    const normalizer = { lowercase: true, strip_accents: false };
    expect(parsed(tokenizer).normalizer).toMatchObject(normalizer);
    const again = await loadTokenizer(await saved(tokenizer, folder));
    expect(parsed(again).normalizer).toMatchObject(normalizer);
    expect(await encodeAll(again)).toEqual(await encodeAll(tokenizer));
    const [cafe = []] = (await encodeAll(tokenizer, ['Café'])).ids;
    expect(cafe).not.toEqual((await encodeAll(tokenizer, ['cafe'])).ids[0]);
  });

  it('Llama makes its template of the two tokens', async () => {
    const folder = await settingsFolder({
      base: 'bert',
      config: {
        tokenizer_class: 'LlamaTokenizer',
        bos_token: '[CLS]',
        eos_token: '[MASK]',
        add_eos_token: true,
      },
    });
    const tokenizer = await loadTokenizer(folder);
    expect((await encodeAll(tokenizer, ['and'])).ids).toEqual([[2, 147, 4]]);
    expect((await encodeAll(tokenizer, [['and', 'and']])).ids).toEqual([[2, 147, 4, 2, 147, 4]]);
  });

  it('texts are cut at the side that either file states', async () => {
    const left = { direction: 'Left', max_length: 9, strategy: 'LongestFirst', stride: 0 };
    for (const changes of [
      { tokenizer: { truncation: left } },
      { config: { truncation_side: 'left' } },
    ]) {
      const tokenizer = await loadTokenizer(await settingsFolder({ base: 'bert', ...changes }));
      expect([...(await tokenizer.encode(['of the and'], { maxTokens: 4 })).ids]).toEqual([
        2, 144, 147, 3,
      ]);
    }
  });
});

function plain(content: string) {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { content, ...flags, special: false };
}

describe('refused by name', () => {
  const OLD = { added_tokens_decoder: '$remove' };
  it.each<[string, Omit<FolderChanges, 'base'> & { readonly base?: string }, string, RegExp]>([
    [
      'split_special_tokens',
      { config: { split_special_tokens: true } },
      'UNSUPPORTED_MODEL',
      /tokenizer_config\.json: unsupported split_special_tokens true/,
    ],
    [
      'another cls_token',
      { config: { cls_token: '[MASK]' } },
      'UNSUPPORTED_MODEL',
      /cls_token "\[MASK\]": tokenizer\.json puts "\[CLS\]" there/,
    ],
    [
      'another sep_token, of an older file',
      { config: OLD, files: { 'special_tokens_map.json': { sep_token: '[PAD]' } } },
      'UNSUPPORTED_MODEL',
      /sep_token "\[PAD\]": tokenizer\.json puts "\[SEP\]" there/,
    ],
    [
      'another unk_token',
      { config: { unk_token: '[MASK]' } },
      'UNSUPPORTED_MODEL',
      /unk_token "\[MASK\]": tokenizer\.json has "\[UNK\]" for it/,
    ],
    [
      'add_bos_token without one',
      {
        config: {
          tokenizer_class: 'PreTrainedTokenizerFast',
          add_bos_token: true,
          bos_token: '[MASK]',
        },
      },
      'UNSUPPORTED_MODEL',
      /bos_token "\[MASK\]": tokenizer\.json puts "\[CLS\]" there/,
    ],
    [
      'no prefix space before sentencepiece',
      { base: 'albert', config: { add_prefix_space: false } },
      'UNSUPPORTED_MODEL',
      /add_prefix_space false/,
    ],
    [
      'versions of tokenizer.json',
      { config: { fast_tokenizer_files: ['tokenizer.4.0.0.json', 'tokenizer.json'] } },
      'UNSUPPORTED_MODEL',
      /fast_tokenizer_files "tokenizer\.4\.0\.0\.json"/,
    ],
    [
      'a flag that is none',
      { config: { do_lower_case: 'false' } },
      'CORRUPT_MODEL',
      /do_lower_case must be true or false, got "false"/,
    ],
    [
      'a side that is none',
      { config: { truncation_side: 'middle' } },
      'CORRUPT_MODEL',
      /truncation_side must be "left" or "right", got "middle"/,
    ],
    [
      'names that are no list',
      { config: { model_input_names: 'input_ids' } },
      'CORRUPT_MODEL',
      /model_input_names must be an array, got "input_ids"/,
    ],
    [
      'an id that is none',
      { config: { added_tokens_decoder: { x: plain('x') } } },
      'CORRUPT_MODEL',
      /a key of added_tokens_decoder must be an id, got "x"/,
    ],
    [
      'a token that is none',
      { config: { mask_token: 7 } },
      'CORRUPT_MODEL',
      /mask_token must be a token, got 7/,
    ],
    [
      'a flag of a token that is none',
      { config: { mask_token: { content: '[M]', lstrip: 1 } } },
      'CORRUPT_MODEL',
      /mask_token: lstrip must be true or false, got 1/,
    ],
  ])('%s', async (_, changes, code, message) => {
    const folder = await settingsFolder({ base: 'bert', ...changes });
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message) as string,
    });
  });

  it('a file that is nested too deep', async () => {
    const folder = await settingsFolder({
      base: 'bert',
      tokenizer: { 'normalizer.lowercase': false },
    });
    const file = join(folder, 'tokenizer.json');
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    await writeFile(file, (await readFile(file, 'utf8')).replace('{', `{"deep":${deep},`));
    await expect(loadTokenizer(folder)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: `${file}: must have at most 64 lists and objects inside each other`,
    });
  });

  it('many added tokens take linear time', async () => {
    const many = Array.from({ length: 50_000 }, (_, i) => [String(300 + i), plain(`<${i}>`)]);
    const folder = await settingsFolder({
      base: 'bert',
      config: { added_tokens_decoder: Object.fromEntries(many) },
    });
    const begin = performance.now();
    const { tokenizer } = await readTokenizerFiles(folder);
    expect(tokenizer.added_tokens).toHaveLength(50_005);
    // With quadratic time this would take a minute.
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  it('every key of the fixtures has a meaning', () => {
    const folders = readdirSync(ENCODERS).filter((name) => !name.includes('.'));
    const configs = folders.map((name) => join(ENCODERS, name, 'tokenizer_config.json'));
    const read = configs.map((file) => JSON.parse(readFileSync(file, 'utf8')) as object);
    const changed = cases.map(({ config = {} }) => (config === '$remove' ? {} : config));
    const keys = [...read, ...changed].flatMap((config) => Object.keys(config));
    expect(new Set(keys).size).toBeGreaterThan(25);
    for (const key of keys) expect(SETTINGS).toHaveProperty([key.split('.')[0] as string]);
  });
});
