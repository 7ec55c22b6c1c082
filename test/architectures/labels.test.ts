// What a head's classes are called, whose names count, and which tensors of a checkpoint are the model's.
import { describe, expect, it } from 'vitest';
import { graphFromCheckpoint } from '../../lib/architectures/index.js';
import type { JsonObject, JsonValue } from '../../lib/core/json.js';
import type { Checkpoint, GraphRequest, TensorInfo } from '../../lib/graph/checkpoint.js';
import { type FamilyParameters, type Shapes, STORED } from './parameters.js';
import { written } from './written.js';

type Change = Readonly<Record<string, JsonValue>>;

/** A BERT classifier or tagger with a head of `rows` classes. */
function headed(rows: number, change: Change = {}, head = 'classification'): Checkpoint {
  const { config, encoder, heads } = STORED.bert as FamilyParameters;
  const { prefix = '', extra = {}, missing = [], class: name = '' } = heads[head] ?? {};
  const kept = Object.entries(encoder).filter(([tensor]) => !missing.includes(tensor));
  const shapes: Shapes = {
    ...Object.fromEntries(kept.map(([tensor, shape]) => [prefix + tensor, shape])),
    ...extra,
    'classifier.weight': [rows, 32],
    'classifier.bias': [rows],
  };
  const all: JsonObject = { ...config, architectures: [name], ...change };
  return { path: 'M', config: all, tensors: tensorsOf(shapes), sentence: null };
}

const tensorsOf = (shapes: Shapes) =>
  new Map<string, TensorInfo>(
    Object.entries(shapes).map(([name, shape]) => [name, { dtype: 'F32', shape }]),
  );
const renamed = (from: Checkpoint, change: (name: string) => string): Checkpoint => ({
  ...from,
  tensors: new Map([...from.tensors].map(([name, info]) => [change(name), info])),
});
const CLASSIFY = { task: 'classification' } as const;

describe.each(['classification', 'token-classification'] as const)('names of %s', (task) => {
  const labels = (rows: number, change: Change) =>
    graphFromCheckpoint(headed(rows, change, task), { task }).labels;

  it.each<[string, JsonValue, string[]]>([
    ['numbers', { 0: 0, 1: 1, 2: 2 }, ['0', '1', '2']],
    ['mixed kinds', { 0: 'none', 1: 1.5, 2: true }, ['none', '1.5', 'true']],
    ['null and false', { 0: null, 1: false, 2: '' }, ['null', 'false', '']],
    ['keys in another order', { 2: 'c', 0: 'a', 1: 'b' }, ['a', 'b', 'c']],
    ['a list', ['a', 7, 'c'], ['a', '7', 'c']],
  ])('from id2label of %s', (_, id2label, expected) => {
    expect(labels(3, { id2label })).toEqual(expected);
  });

  it('from label2id alone, and without any by number', () => {
    expect(labels(3, { label2id: { c: 2, a: 0, b: '1' } })).toEqual(['a', 'b', 'c']);
    const counts = { num_labels: 3, _num_labels: 9, finetuning_task: 'mnli' };
    expect(labels(3, counts)).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
  });

  it.each<[Change, string]>([
    [{ id2label: { 0: 'a', 1: 'b' } }, '(3 rows, 2 names), got {"0":"a","1":"b"}'],
    [{ id2label: { 0: 'a', 1: 'b', 2: 'c', 3: 'd' } }, '(3 rows, 4 names)'],
    [{ id2label: ['a'] }, '(3 rows, 1 names), got ["a"]'],
    [{ id2label: {} }, '(3 rows, 0 names), got {}'],
    [{ id2label: 'a' }, 'id2label must be a name for each row of the head (3 rows, 0 names)'],
    [{ id2label: { 0: 'a', 1: 'b', 3: 'c' } }, '(3 rows, 3 names)'],
    [{ id2label: { 0: 'a', 1: 'b', x: 'c' } }, '(3 rows, 3 names)'],
    [{ id2label: { 0: 'a', 1: ['b'], 2: 'c' } }, 'id2label must be'],
    [{ id2label: { 0: 'A', 1: 'A', 2: 'B' } }, 'not "A" for 0 and 1'],
    [{ id2label: { 0: 1, 1: '1', 2: 'B' } }, 'not "1" for 0 and 1'],
    [{ id2label: { 0: 2 ** 53, 1: 'x', 2: 'B' } }, 'numbers that JSON holds exactly'],
    [
      { label2id: { a: 0, b: 1 } },
      'label2id must be a number for each row of the head (3 rows, 2 names)',
    ],
    [{ num_labels: 2 }, 'num_labels must be that of the head (3 rows), got 2'],
  ])('with %o are corrupt, and both counts are said', (change, message) => {
    expect(() => labels(3, change)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MODEL', message: expect.stringContaining(message) }),
    );
    // Unreadable names in config.json do not matter when the caller gives names.
    const better = { task, labels: ['x', 'y', 'z'] };
    expect(graphFromCheckpoint(headed(3, change, task), better).labels).toEqual(better.labels);
  });
});

describe('labels of the caller', () => {
  const NAMED = { id2label: { 0: 'neg', 1: 'neu', 2: 'pos' } };
  const ask = (labels: readonly string[], more: Partial<GraphRequest> = {}) =>
    graphFromCheckpoint(headed(3, NAMED), { ...CLASSIFY, labels, ...more });

  it('rename the classes of a trained head, whose weights stay', () => {
    const model = ask(['schlecht', 'neutral', 'gut']);
    expect([model.created, model.labels]).toEqual([[], ['schlecht', 'neutral', 'gut']]);
    expect(written(model).id2label).toEqual({ 0: 'schlecht', 1: 'neutral', 2: 'gut' });
    expect(ask(['NEG', 'NEU', 'POS']).labels).toEqual(['NEG', 'NEU', 'POS']);
  });

  it.each([1, 2, 4])('that are %d for 3 classes are refused', (count) => {
    const labels = ['a', 'b', 'c', 'd'].slice(0, count);
    expect(() => ask(labels)).toThrow(
      new RegExp(`head has 3 classes, got ${count} labels: .*; newHead: true`),
    );
    expect(() => ask(labels)).toThrow(RangeError);
  });

  it.each([
    [['pos', 'neu', 'neg']],
    [['neg', 'pos', 'neu']],
    [['POS', 'NEU', 'NEG']],
    [['pos', 'other', 'x']],
    [[' neu', 'a', 'b']],
  ])('%o would call a class by the name of another', (labels) => {
    expect(() => ask(labels)).toThrow(/its order is "neg", "neu", "pos", got/);
    expect(ask(labels, { newHead: true }).created).toHaveLength(2);
  });

  it('twice the same are refused', () => {
    expect(() => ask(['a', 'a', 'b'])).toThrow(/labels must be different names/);
  });

  it('may be left out for a new head in place of one that has names', () => {
    const model = graphFromCheckpoint(headed(3, NAMED), { ...CLASSIFY, newHead: true });
    expect([model.labels, model.created.length]).toEqual([['neg', 'neu', 'pos'], 2]);
    const bare = { ...headed(3, { architectures: ['BertModel'] }) };
    const encoder = [...bare.tensors].filter(([name]) => !name.startsWith('classifier'));
    const none = { ...bare, tensors: new Map(encoder) };
    expect(() => graphFromCheckpoint(none, { ...CLASSIFY, newHead: true })).toThrow(
      /labels must be given for a new head/,
    );
  });
});

describe('a head that is there under another name, or for another task', () => {
  it('is not silently replaced by a random one', () => {
    const from = renamed(headed(3), (name) => name.replace('classifier.', 'classification_head.'));
    for (const labels of [undefined, ['a', 'b', 'c']]) {
      const request = { ...CLASSIFY, ...(labels && { labels }) };
      expect(() => graphFromCheckpoint(from, request)).toThrow(
        /model for classification, but tensor classifier\.weight is missing; newHead: true/,
      );
    }
    const choice = headed(1, { architectures: ['BertForMultipleChoice'] });
    expect(() => graphFromCheckpoint(choice, { ...CLASSIFY, labels: ['a', 'b'] })).toThrow(
      /its trained head is for BertForMultipleChoice/,
    );
    const custom = headed(3, { architectures: ['XLMRobertaForTokenClassification'] });
    expect(() => graphFromCheckpoint(custom, CLASSIFY)).toThrow(/is for token-classification/);
  });

  it('of a language model may be replaced by a new head for training', () => {
    const from = headed(3, { architectures: ['BertForMaskedLM'] });
    const tensors = [...from.tensors].filter(([name]) => !name.startsWith('classifier'));
    const lm = { ...from, tensors: new Map(tensors) };
    expect(graphFromCheckpoint(lm, { ...CLASSIFY, labels: ['a', 'b'] }).created).toHaveLength(2);
  });
});

describe('names as a wrapper of training stores them', () => {
  it.each<[string, (name: string) => string, string]>([
    ['DataParallel', (name) => `module.${name}`, 'module. of DataParallel'],
    ['torch.compile', (name) => `_orig_mod.${name}`, '_orig_mod. of torch.compile'],
    ['both', (name) => `module._orig_mod.${name}`, 'module.'],
    ['both the other way round', (name) => `_orig_mod.module.${name}`, 'module.'],
    ['a compiled encoder', (name) => name.replace(/^bert\./, 'bert._orig_mod.'), '_orig_mod.'],
    ['a parallel encoder', (name) => name.replace(/^bert\./, 'bert.module.'), 'module.'],
    ['FSDP', (name) => name.replace('.layer.', '._fsdp_wrapped_module.layer.'), 'FSDP'],
    ['a model in a module', (name) => `model.${name}`, 'model.'],
    ['all of it', (name) => `module.model._orig_mod.${name}`, 'model.'],
  ])('%s: are the plain ones, and it is said', (_, wrap, note) => {
    const plain = graphFromCheckpoint(headed(3), CLASSIFY);
    const model = graphFromCheckpoint(renamed(headed(3), wrap), CLASSIFY);
    expect(model.graph).toEqual(plain.graph);
    expect(model.created).toEqual([]);
    for (const [name, tensor] of plain.sources) expect(model.sources.get(name)).toBe(wrap(tensor));
    expect(model.notes.join('\n')).toContain(note);
    expect([plain.notes, plain.unused, model.unused]).toEqual([[], [], []]);
  });

  it('keep a prefix that belongs to the family', () => {
    const { config, encoder, heads } = STORED.modernbert as FamilyParameters;
    const head = heads.classification;
    const shapes = Object.entries(encoder).map(([name, shape]) => [
      `${head?.prefix}${name}`,
      shape,
    ]);
    const all = { ...Object.fromEntries(shapes), ...head?.extra } as Shapes;
    const from = { path: 'M', config, tensors: tensorsOf(all), sentence: null };
    const request = { task: 'classification' } as const;
    const plain = graphFromCheckpoint(from, request);
    expect(plain.notes).toEqual([]);
    const outer = graphFromCheckpoint(
      renamed(from, (name) => `model.${name}`),
      request,
    );
    expect(outer.sources.get('model.final_norm.weight')).toBe('model.model.final_norm.weight');
  });

  it('that become one are corrupt', () => {
    const from = headed(3);
    const twice = new Map([
      ...from.tensors,
      ['module.classifier.bias', { dtype: 'F32', shape: [3] }],
    ]);
    expect(() => graphFromCheckpoint({ ...from, tensors: twice }, CLASSIFY)).toThrow(
      /classifier\.bias and module\.classifier\.bias are both classifier\.bias/,
    );
  });
});

describe('tensors that the model does not use', () => {
  const withTensor = (name: string) => {
    const from = headed(3);
    return {
      ...from,
      tensors: new Map([...from.tensors, [name, { dtype: 'F32', shape: [8, 32] }]]),
    };
  };

  it.each([
    'bert.encoder.layer.0.attention.self.query.lora_A.default.weight',
    'bert.encoder.layer.0.attention.self.query.lora_B.weight',
    'base_model.model.bert.encoder.layer.0.output.dense.lora_A.weight',
    'bert.encoder.layer.0.output.adapters.sst.adapter_down.0.weight',
    'bert.encoder.layer.0.output.adapter.down_project.weight',
    'bert.encoder.layer.0.attention.self.value.ia3_l',
    'bert.encoder.layer.0.output.dense.weight_orig.mask',
    'classifier.modules_to_save.default.weight',
    'crf.transitions',
  ])('%s is refused: it changes what the others compute', (name) => {
    const from = withTensor(name);
    expect(() => graphFromCheckpoint(from, CLASSIFY)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_MODEL', details: { file: 'M', tensor: name } }),
    );
  });

  it.each(['bert.embeddings.position_ids', 'cls.predictions.bias', 'qa_outputs.weight'])(
    '%s is left out and listed',
    (name) => {
      expect(graphFromCheckpoint(withTensor(name), CLASSIFY).unused).toEqual([name]);
    },
  );

  it('a map of labels that contradicts the other is noted', () => {
    const change = { id2label: { 0: 'a', 1: 'b', 2: 'c' }, label2id: { a: 2, b: 1, c: 0 } };
    const model = graphFromCheckpoint(headed(3, change), CLASSIFY);
    expect(model.labels).toEqual(['a', 'b', 'c']);
    expect(model.notes[0]).toMatch(/label2id gives "a" another number than id2label/);
  });
});
