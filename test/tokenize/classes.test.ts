// A tokenizer_class whose rules we do not have is refused by name, wherever it is named and whatever files lie beside it.
import { describe, expect, it } from 'vitest';
import { loadTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { type FolderChanges, settingsFolder } from './settings-folder.js';

async function refusal(changes: FolderChanges): Promise<{ code: string; message: string }> {
  const folder = await settingsFolder(changes);
  const error: unknown = await loadTokenizer(folder).then(
    () => new Error('loaded'),
    (cause: unknown) => cause,
  );
  const { code, message } = error as { code: string; message: string };
  return { code, message: message.replace(folder, '') };
}

/** Classes with rules in Python code, and names that transformers does not have. */
const FOREIGN = [
  'BertJapaneseTokenizer',
  'KoBertTokenizer',
  'PhobertTokenizer',
  'BertweetTokenizer',
  'BartphoTokenizer',
  'RoFormerTokenizer',
  'RoCBertTokenizer',
  'TapasTokenizer',
  'MarkupLMTokenizer',
  'LayoutLMv3Tokenizer',
  'LukeTokenizer',
  'CanineTokenizer',
  'ByT5Tokenizer',
  'FlaubertTokenizer',
  'XLMTokenizer',
  'XLMProphetNetTokenizer',
  'ProphetNetTokenizer',
  'BertGenerationTokenizer',
  'DPRReaderTokenizer',
  'constructor',
];

describe.each(FOREIGN)('%s', (tokenizer_class) => {
  it.each<[string, FolderChanges]>([
    ['beside vocab.txt', { base: 'bert', vocabulary: true }],
    ['beside vocab.json and merges.txt', { base: 'roberta-seqcls', vocabulary: true }],
    ['beside tokenizer.json', { base: 'bert' }],
  ])('%s', async (_, folder) => {
    const { code, message } = await refusal({ ...folder, config: { tokenizer_class } });
    expect(code).toBe('UNSUPPORTED_MODEL');
    expect(message).toMatch(
      new RegExp(
        `^/tokenizer_config.json: unsupported tokenizer_class "${tokenizer_class}": .* "PreTrainedTokenizerFast"`,
      ),
    );
    const inModel = await refusal({
      ...folder,
      config: { tokenizer_class: '$remove' },
      model: { tokenizer_class: `${tokenizer_class}Fast` },
    });
    expect(inModel).toEqual({
      code,
      message: message.replace('tokenizer_config.json', 'config.json'),
    });
  });
});

describe('classes whose vocabulary is another', () => {
  it.each([
    ['RobertaTokenizer', 'bert', 'vocab.txt'],
    ['XLMRobertaTokenizer', 'bert', 'vocab.txt'],
    ['HerbertTokenizer', 'bert', 'vocab.txt'],
    ['FunnelTokenizer', 'bert', 'vocab.txt'],
    ['PreTrainedTokenizerFast', 'bert', 'vocab.txt'],
    ['BertTokenizer', 'roberta-seqcls', 'vocab.json'],
    ['DebertaTokenizer', 'roberta-seqcls', 'vocab.json'],
    ['GPT2TokenizerFast', 'roberta-seqcls', 'vocab.json'],
  ])('%s with the files of %s', async (tokenizer_class, base, file) => {
    const name = tokenizer_class.replace(/Fast$/, '');
    expect(await refusal({ base, vocabulary: true, config: { tokenizer_class } })).toEqual({
      code: 'UNSUPPORTED_MODEL',
      message: `/${file}: unsupported tokenizer "${name}" without tokenizer.json; save it with the fast tokenizer of transformers`,
    });
  });

  it.each([
    ['roberta', 'bert', 'RobertaTokenizer'],
    ['bert', 'roberta-seqcls', 'BertTokenizer'],
  ])('no class: model_type %s with the files of %s', async (model_type, base, name) => {
    const { code, message } = await refusal({
      base,
      vocabulary: true,
      config: { tokenizer_class: '$remove' },
      model: { model_type },
    });
    expect(code).toBe('UNSUPPORTED_MODEL');
    expect(message).toContain(`unsupported tokenizer "${name}" without tokenizer.json`);
  });
});

describe('rules that are named without a class', () => {
  const named = { tokenizer_class: '$remove' };
  it.each<[string, FolderChanges, string]>([
    [
      'words of a dictionary',
      { base: 'bert', vocabulary: true, config: { ...named, word_tokenizer_type: 'mecab' } },
      'word_tokenizer_type "mecab"',
    ],
    [
      'words of a dictionary, beside tokenizer.json',
      { base: 'bert', config: { ...named, mecab_kwargs: { mecab_dic: 'ipadic' } } },
      'mecab_kwargs a Object',
    ],
    [
      'words of a dictionary, of a class that has none',
      { base: 'bert', vocabulary: true, config: { subword_tokenizer_type: 'character' } },
      'subword_tokenizer_type "character"',
    ],
    [
      'code of its own',
      { base: 'bert', config: { auto_map: { AutoTokenizer: ['code.OwnTokenizer', null] } } },
      'auto_map "code.OwnTokenizer"',
    ],
    [
      'code of its own, in the older form',
      { base: 'bert', vocabulary: true, config: { auto_map: [null, 'code.OwnFast'] } },
      'auto_map "code.OwnFast"',
    ],
    [
      'code of its own, in config.json',
      {
        base: 'bert',
        config: named,
        model: {
          auto_map: { AutoModel: 'code.Model', AutoTokenizer: ['code.OwnTokenizer', null] },
        },
      },
      'auto_map "code.OwnTokenizer"',
    ],
    [
      'merges beside vocab.txt',
      { base: 'bert', vocabulary: true, files: { 'bpe.codes': 'a b 1\n' } },
      'merges bpe.codes',
    ],
  ])('%s', async (_, changes, what) => {
    const { code, message } = await refusal(changes);
    expect(code).toBe('UNSUPPORTED_MODEL');
    expect(message).toContain(`unsupported ${what}`);
  });

  it.each<[string, FolderChanges]>([
    [
      'code of a model, not of its tokenizer',
      { base: 'bert', model: { auto_map: { AutoModel: 'code.Model' } } },
    ],
    ['a null class', { base: 'bert', vocabulary: true, config: { tokenizer_class: null } }],
    [
      'settings of a dictionary that are null',
      { base: 'bert', vocabulary: true, config: { word_tokenizer_type: null } },
    ],
    [
      'a model that is not known',
      { base: 'bert', vocabulary: true, config: '$remove', model: { model_type: 'other' } },
    ],
    ['no config.json', { base: 'bert', vocabulary: true, config: '$remove', model: '$remove' }],
    [
      'no config.json, byte-level',
      { base: 'roberta-seqcls', vocabulary: true, config: '$remove', model: '$remove' },
    ],
  ])('loads: %s', async (_, changes) => {
    const tokenizer = await loadTokenizer(await settingsFolder(changes));
    expect(tokenizer.vocabulary).toBeGreaterThan(200);
  });

  it('a class that is no name', async () => {
    expect(await refusal({ base: 'bert', config: { tokenizer_class: 7 } })).toEqual({
      code: 'CORRUPT_MODEL',
      message: '/tokenizer_config.json: tokenizer_class must be a string, got 7',
    });
  });
});
