// The sentence-transformers files of a model folder: both generations, what they say, and what is refused.
import { describe, expect, it } from 'vitest';
import { readHfFolder } from '../../lib/formats/hf-folder.js';
import { modelFolder } from './model-folder.js';

async function readSentence(files: Readonly<Record<string, unknown>>) {
  const folder = await readHfFolder(await modelFolder(files));
  await folder.close();
  return folder.sentence;
}

const OLD_MODULES = ['Transformer', 'Pooling', 'Normalize'].map((kind, idx) => ({
  idx,
  name: String(idx),
  path: idx === 0 ? '' : `${idx}_${kind}`,
  type: `sentence_transformers.models.${kind}`,
}));

const NEW_MODULES = [
  { path: '', type: 'sentence_transformers.base.modules.transformer.Transformer' },
  { path: '1_Pooling', type: 'sentence_transformers.sentence_transformer.modules.pooling.Pooling' },
];

describe('sentence-transformers files', () => {
  const pooling = (config: unknown) => ({
    'modules.json': OLD_MODULES,
    '1_Pooling/config.json': config,
  });
  const mean = pooling({ pooling_mode: 'mean' });
  const steps = (...kinds: string[]) => ({
    ...mean,
    'modules.json': kinds.map((kind, i) => ({
      path: i === 0 ? '' : `${i}_${kind}`,
      type: `sentence_transformers.models.${kind}`,
    })),
  });
  const dense = (config: object) => ({
    ...steps('Transformer', 'Pooling', 'Dense'),
    '2_Dense/config.json': { in_features: 2, out_features: 2, ...config },
  });
  const normalize = (config: object) => ({
    ...steps('Transformer', 'Pooling', 'Normalize'),
    '2_Normalize/config.json': config,
  });
  it('of the older generation', async () => {
    const sentence = await readSentence({
      'modules.json': OLD_MODULES,
      '1_Pooling/config.json': { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false },
      'sentence_bert_config.json': { max_seq_length: 48, do_lower_case: true },
      'config_sentence_transformers.json': {
        prompts: { query: 'query: ' },
        default_prompt_name: 'query',
      },
    });
    expect(sentence).toEqual({
      pooling: ['cls'],
      modules: [{ kind: 'normalize' }],
      maxTokens: 48,
      lowercase: true,
      prompts: { query: 'query: ' },
      defaultPrompt: 'query',
      includePrompt: true,
      similarityFnName: 'cosine',
      truncateDim: null,
      activation: null,
      ignored: [],
      kind: 'embedding',
    });
  });

  it('with a length under any of the names that the module had, the first that is not empty', async () => {
    const names = ['bert', 'roberta', 'distilbert', 'camembert', 'albert', 'xlm-roberta', 'xlnet'];
    for (const [i, name] of names.entries()) {
      const later = names
        .slice(i + 1)
        .map((other) => [`sentence_${other}_config.json`, { max_seq_length: 9 }]);
      const sentence = await readSentence({
        'modules.json': OLD_MODULES,
        '1_Pooling/config.json': { pooling_mode: 'mean' },
        [`sentence_${names[0]}_config.json`]: {},
        [`sentence_${name}_config.json`]: { max_seq_length: 7 + i },
        ...Object.fromEntries(later),
        'tokenizer_config.json': { model_max_length: 5 },
      });
      expect(sentence?.maxTokens, name).toBe(7 + i);
    }
  });

  it('with a length for the tokenizer take it', async () => {
    const sentence = await readSentence({
      'modules.json': OLD_MODULES,
      '1_Pooling/config.json': {},
      'sentence_bert_config.json': { processor_kwargs: { model_max_length: 33 }, model_args: {} },
    });
    expect(sentence).toMatchObject({ maxTokens: 33, pooling: ['mean'] });
  });

  it('say prompts, similarity, dimensions, and which keys nobody knows', async () => {
    const sentence = await readSentence({
      'modules.json': OLD_MODULES,
      '1_Pooling/config.json': { pooling_mode: 'mean', include_prompt: false },
      'config_sentence_transformers.json': {
        __version__: { sentence_transformers: '5.0.0' },
        prompts: { query: 'q: ', document: null },
        similarity_fn_name: 'euclidean',
        truncate_dim: 8,
        colour: 'red',
      },
    });
    expect(sentence).toMatchObject({
      prompts: { query: 'q: ', document: '' },
      similarityFnName: 'euclidean',
      truncateDim: 8,
      includePrompt: false,
      ignored: ['colour'],
    });
  });

  it('leave out a Dropout, which changes no vector', async () => {
    const sentence = await readSentence({
      ...steps('Transformer', 'Pooling', 'Dropout', 'Normalize'),
      '2_Dropout/config.json': { dropout: 0.2 },
    });
    expect(sentence?.modules).toEqual([{ kind: 'normalize' }]);
  });

  it.each([
    ['a prompt that is no text', { prompts: { a: 1 } }, /prompts\.a must be a string/],
    ['prompts that are a list', { prompts: ['a'] }, /prompts must be an object/],
    [
      'a default that is no prompt',
      { prompts: { a: 'x' }, default_prompt_name: 'b' },
      /one of the prompts "a", got "b"/,
    ],
    [
      'dimensions that are no number',
      { truncate_dim: '8' },
      /truncate_dim must be a positive integer/,
    ],
    ['an activation that is no name', { activation_fn: 1 }, /activation_fn must be a string/],
  ])('with %s are damaged', async (_, config, message) => {
    const files = { ...mean, 'config_sentence_transformers.json': config };
    const error = await readSentence(files).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'CORRUPT_MODEL',
      message: expect.stringMatching(message),
    });
  });

  it('of the newer generation', async () => {
    const sentence = await readSentence({
      'modules.json': NEW_MODULES,
      '1_Pooling/config.json': { embedding_dimension: 32, pooling_mode: 'max' },
      'sentence_bert_config.json': { transformer_task: 'feature-extraction' },
      'tokenizer_config.json': { model_max_length: 40 },
    });
    expect(sentence).toMatchObject({ pooling: ['max'], modules: [], maxTokens: 40 });
  });

  it('without pooling or length leave both open', async () => {
    const sentence = await readSentence({
      'modules.json': NEW_MODULES.slice(0, 1),
      'tokenizer_config.json': '{"model_max_length": 1000000000000000019884624838656}',
    });
    expect(sentence).toMatchObject({ pooling: null, maxTokens: null });
    const plain = await readHfFolder(await modelFolder());
    expect(plain.sentence).toBeNull();
    await plain.close();
  });

  it('with several poolings keep their order: of the list, or of the library for flags', async () => {
    const flags = { pooling_mode_mean_tokens: true, pooling_mode_cls_token: true };
    for (const [config, expected] of [
      [{ pooling_mode: ['mean', 'cls', 'lasttoken'] }, ['mean', 'cls', 'lasttoken']],
      [{ ...flags, pooling_mode_weightedmean_tokens: true }, ['cls', 'mean', 'weightedmean']],
      [{ pooling_mode_mean_sqrt_len_tokens: true }, ['mean_sqrt_len_tokens']],
      [{ pooling_mode_lasttoken: true, pooling_mode_max_tokens: true }, ['max', 'lasttoken']],
    ] as const) {
      const files = { 'modules.json': OLD_MODULES, '1_Pooling/config.json': config };
      expect((await readSentence(files))?.pooling).toEqual(expected);
    }
  });

  it.each([
    ['another module', steps('Transformer', 'Pooling', 'CNN'), /module CNN \(supported/],
    ['modules out of order', steps('Transformer', 'Normalize', 'Pooling'), /Normalize as number 1/],
    ['no transformer', steps('Pooling', 'Normalize'), /module Pooling as number 0/],
    ['an unknown mode', pooling({ pooling_mode: 'median' }), /median/],
    ['a mode twice', pooling({ pooling_mode: ['mean', 'mean'] }), /pooling_mode/],
    ['an unknown flag', pooling({ pooling_mode_median: true }), /pooling_mode_median/],
    ['a list of no modes', pooling({ pooling_mode: [] }), /pooling_mode/],
    ['a key of another version', pooling({ pooling_mode: 'mean', top_k: 2 }), /top_k/],
    ['a residual', dense({ use_residual: true }), /use_residual/],
    ['a Normalize over tokens', normalize({ module_input_name: 'token_embeddings' }), /token_emb/],
    [
      'a class of the model itself',
      { ...mean, 'modules.json': [{ path: '', type: 'custom_st.Transformer' }] },
      /class custom_st\.Transformer/,
    ],
    [
      'a head that is no classification',
      { ...mean, 'sentence_bert_config.json': { transformer_task: 'fill-mask' } },
      /transformer_task "fill-mask"/,
    ],
    [
      'inputs that are no text',
      { ...mean, 'sentence_bert_config.json': { modality_config: { image: {} } } },
      /modality_config/,
    ],
    [
      'expanded queries',
      { ...mean, 'sentence_bert_config.json': { query_expansion: { length: 32 } } },
      /query_expansion/,
    ],
    [
      'settings of the tokenizer that are not known',
      { ...mean, 'sentence_roberta_config.json': { tokenizer_args: { do_basic_tokenize: false } } },
      /tokenizer_args: unsupported do_basic_tokenize/,
    ],
    [
      'a sparse encoder',
      { ...mean, 'config_sentence_transformers.json': { model_type: 'SparseEncoder' } },
      /model_type "SparseEncoder"/,
    ],
    [
      'another similarity',
      { ...mean, 'config_sentence_transformers.json': { similarity_fn_name: 'maxsim' } },
      /similarity_fn_name "maxsim"/,
    ],
    ['an activation of its own', dense({ activation_function: 'my.module.Tanh' }), /my\.module/],
    ['an unknown activation', dense({ activation_function: 'torch.nn.Mish' }), /Mish/],
    ['a Dense over tokens', dense({ module_input_name: 'token_embeddings' }), /token_embeddings/],
  ])('with %s are unsupported', async (_, files, message) => {
    const error = await readSentence(files).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: 'UNSUPPORTED_MODEL',
      message: expect.stringMatching(message),
    });
  });

  it.each([
    [
      'a path out of the folder',
      { 'modules.json': [{ type: 'x.Pooling', path: '../x' }] },
      /plain folder/,
    ],
    [
      'a Dense without a size',
      dense({ out_features: 0 }),
      /out_features must be an integer from 1/,
    ],
    ['a Dense without weights', dense({}), /2_Dense\/model\.safetensors: no such file/],
    [
      'two modules in one folder',
      { 'modules.json': [OLD_MODULES[0], OLD_MODULES[1], OLD_MODULES[1]] },
      /of another module too/,
    ],
    ['modules that are no list', { 'modules.json': {} }, /must be a list/],
    ['modules that are no objects', { 'modules.json': [null] }, /\[0\]\.type must be a string/],
    ['broken modules', { 'modules.json': '[{' }, /modules\.json: not valid JSON/],
    [
      'a missing pooling config',
      { 'modules.json': OLD_MODULES },
      /1_Pooling\/config\.json: no such file/,
    ],
    [
      'a wrong length',
      {
        'modules.json': NEW_MODULES.slice(0, 1),
        'sentence_bert_config.json': { max_seq_length: -1 },
      },
      /max_seq_length must be a positive integer, got -1/,
    ],
  ])('with %s are corrupt', async (_, files, message) => {
    const error = await readSentence(files).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'CORRUPT_MODEL', message: expect.stringMatching(message) });
  });
});
