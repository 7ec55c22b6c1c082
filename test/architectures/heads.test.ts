// Every head of every family: the parameters that transformers has for it, new heads, heads of other tasks.
import { describe, expect, it } from 'vitest';
import type { FamilyRequest } from '../../lib/architectures/family-graph.js';
import { familyGraph, graphFromCheckpoint } from '../../lib/architectures/index.js';
import type { JsonObject } from '../../lib/core/json.js';
import type { Checkpoint, GraphRequest, TensorInfo } from '../../lib/graph/checkpoint.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { type FamilyParameters, type HeadParameters, type Shapes, STORED } from './parameters.js';
import { written } from './written.js';

const LABELS = ['L0', 'L1', 'L2'];
const HEADS = Object.entries(STORED).flatMap(([family, { heads }]) =>
  Object.keys(heads).map((head): [string, string] => [family, head]),
);

/** The parameters that transformers stores for a class with a head. */
function stored(family: string, head: string): Shapes {
  const { encoder, heads } = STORED[family] as FamilyParameters;
  const { prefix, extra, missing } = heads[head] as HeadParameters;
  const kept = Object.entries(encoder).filter(([name]) => !missing.includes(name));
  return { ...Object.fromEntries(kept.map(([name, shape]) => [prefix + name, shape])), ...extra };
}

function configFor(family: string, head: string, more: JsonObject = {}): JsonObject {
  const { config, heads } = STORED[family] as FamilyParameters;
  const names = Object.fromEntries(LABELS.map((label, i) => [String(i), label]));
  const labelled = /classification/.test(head) ? { id2label: names } : {};
  const untied = head.endsWith('untied') ? { tie_word_embeddings: false } : {};
  const stated = heads[head] === undefined ? {} : { architectures: [heads[head].class] };
  return { ...config, ...labelled, ...untied, ...stated, ...more };
}

function checkpoint(config: JsonObject, shapes: Shapes): Checkpoint {
  const tensors = new Map<string, TensorInfo>(
    Object.entries(shapes).map(([name, shape]) => [name, { dtype: 'F32', shape }]),
  );
  return { path: 'M', config, tensors, sentence: null };
}

const taskOf = (head: string) => head.replace('.untied', '') as GraphRequest['task'];
const sorted = (shapes: Shapes) => Object.entries(shapes).sort(([a], [b]) => (a < b ? -1 : 1));
const shapesOf = (weights: readonly { name: string; shape: readonly number[] }[]) =>
  sorted(Object.fromEntries(weights.map(({ name, shape }) => [name, shape])));

describe.each(Object.keys(STORED))('%s as a bare encoder', (family) => {
  it('has the parameters of transformers', () => {
    const graph = familyGraph(configFor(family, ''), { task: 'embedding' });
    validateGraph(graph);
    const { encoder } = STORED[family] as FamilyParameters;
    expect(shapesOf(graph.weights)).toEqual(sorted(encoder));
  });
});

describe.each(HEADS)('%s for %s', (family, head) => {
  const task = taskOf(head);

  it('has the parameters of transformers, and its class', () => {
    const from = checkpoint(configFor(family, head), stored(family, head));
    const { graph, created, config } = graphFromCheckpoint(from, { task });
    expect(shapesOf(graph.weights)).toEqual(sorted(stored(family, head)));
    expect(created).toEqual([]);
    expect(config.architectures).toEqual([STORED[family]?.heads[head]?.class]);
    const request: FamilyRequest = { task };
    expect(familyGraph(config, request)).toEqual(graph);
    const kind = { classification: 'sequence', 'masked-lm': 'selected' }[task as string] ?? 'token';
    const width = { 'question-answering': 2, 'masked-lm': graph.vocabulary }[task as string] ?? 3;
    const logits = validateGraph(graph).get(graph.outputs.logits ?? '');
    expect([logits?.kind, logits?.width]).toEqual([kind, width]);
  });

  it('is added to a bare encoder: only what that lacks is new', () => {
    const { encoder, heads } = STORED[family] as FamilyParameters;
    const from = checkpoint(configFor(family, head, { architectures: ['?'] }), encoder);
    expect(() => graphFromCheckpoint(from, { task })).toThrow(/task: no trained/);
    const labels = /classification/.test(task) ? { labels: LABELS } : { newHead: true };
    const { graph, created, sources } = graphFromCheckpoint(from, { task, ...labels });
    const { extra } = heads[head] as HeadParameters;
    expect(shapesOf(created)).toEqual(sorted(extra));
    expect(sources.size + created.length).toBe(graph.weights.length);
    for (const { name, shape, init } of created) {
      const kind = name.endsWith('bias') ? 'zero' : shape.length === 1 ? 'one' : 'normal';
      expect([name, init.kind]).toEqual([name, kind]);
    }
  });

  it('gives its encoder to every other task', () => {
    const from = checkpoint(configFor(family, head), stored(family, head));
    const bare = graphFromCheckpoint(from, { task: 'embedding' });
    expect(bare.created).toEqual([]);
    expect(written(bare).architectures).toEqual([
      String(STORED[family]?.heads[head]?.class).replace(/For.*/, 'Model'),
    ]);
    for (const other of ['classification', 'token-classification', 'question-answering'] as const) {
      if (other === task) continue;
      const lost = task !== 'masked-lm';
      const asked = other === 'question-answering' ? {} : { labels: LABELS };
      const plain = () => graphFromCheckpoint(from, { task: other, ...asked });
      // A head trained for another task is not silently left out when a head for this task is asked for.
      if (lost) expect(plain).toThrow(`its trained head is for ${task}`);
      expect(() => graphFromCheckpoint(from, { task: other })).toThrow(/no trained/);
      const { created } = graphFromCheckpoint(from, { task: other, ...asked, newHead: true });
      const last = created.filter(({ shape }) => shape[0] === (other.startsWith('q') ? 2 : 3));
      expect(last.map(({ name }) => name.split('.').at(-1))).toEqual(['weight', 'bias']);
    }
  });
});

describe('the graph of a config.json', () => {
  it('has as many labels as that says, else two', () => {
    const widthFor = (more: JsonObject) => {
      const { config } = STORED.roberta as FamilyParameters;
      const graph = familyGraph({ ...config, ...more }, { task: 'classification' });
      return graph.weights.find(({ name }) => name === 'classifier.out_proj.weight')?.shape[0];
    };
    expect(widthFor({})).toBe(2);
    expect(widthFor({ num_labels: 5 })).toBe(5);
    expect(widthFor({ num_labels: 5, id2label: { 0: 'a' } })).toBe(1);
    expect(() => widthFor({ num_labels: 0 })).toThrow(/num_labels must be an integer from 1/);
  });
});

describe('a new head', () => {
  it('of ModernBERT begins as transformers begins it: cut, narrow inside, wide at the end', () => {
    const from = checkpoint(configFor('modernbert', ''), STORED.modernbert?.encoder ?? {});
    const { created } = graphFromCheckpoint(from, { task: 'classification', labels: LABELS });
    expect(Object.fromEntries(created.map(({ name, init }) => [name, init]))).toEqual({
      'head.dense.weight': { kind: 'normal', deviation: 0.2 / Math.sqrt(8), cutoff: 2 },
      'head.norm.weight': { kind: 'one' },
      'classifier.weight': { kind: 'normal', deviation: 32 ** -0.5, cutoff: 2 },
      'classifier.bias': { kind: 'zero' },
    });
  });

  it('keeps the transform of another head that has the same names', () => {
    const from = checkpoint(
      configFor('modernbert', 'masked-lm'),
      stored('modernbert', 'masked-lm'),
    );
    const { created, sources } = graphFromCheckpoint(from, {
      task: 'classification',
      labels: LABELS,
    });
    expect(created.map(({ name }) => name)).toEqual(['classifier.weight', 'classifier.bias']);
    expect(sources.get('head.dense.weight')).toBe('head.dense.weight');
  });

  it('says what it is for; one label is enough for a regression or a yes and no', () => {
    const from = checkpoint(configFor('bert', ''), STORED.bert?.encoder ?? {});
    for (const problem of ['regression', 'multi_label_classification'] as const) {
      const request = { task: 'classification', labels: ['score'], problem } as const;
      const model = graphFromCheckpoint(from, request);
      expect([model.problem, written(model).problem_type]).toEqual([problem, problem]);
    }
    const request = { task: 'classification', labels: ['score'] } as const;
    expect(() => graphFromCheckpoint(from, request)).toThrow(RangeError);
    const tokens = { ...request, task: 'token-classification' } as const;
    expect(() => graphFromCheckpoint(from, tokens)).toThrow(RangeError);
  });
});

describe('a trained head', () => {
  const trained = (more: JsonObject) =>
    checkpoint(configFor('bert', 'classification', more), stored('bert', 'classification'));

  it('is for what config.json says, else for what transformers would take it for', () => {
    const request = { task: 'classification' } as const;
    for (const problem of ['multi_label_classification', 'regression'] as const) {
      const model = graphFromCheckpoint(trained({ problem_type: problem }), request);
      expect([model.problem, written(model).problem_type]).toEqual([problem, problem]);
    }
    const plain = graphFromCheckpoint(trained({}), request);
    expect(plain.problem).toBe('single_label_classification');
    expect(written(plain)).not.toHaveProperty('problem_type');
    const one = { 'classifier.weight': [1, 32], 'classifier.bias': [1] };
    const config = configFor('bert', 'classification', { id2label: { 0: 'LABEL_0' } });
    const ranker = checkpoint(config, { ...stored('bert', 'classification'), ...one });
    const model = graphFromCheckpoint(ranker, request);
    expect([model.problem, model.labels]).toEqual(['single_label_classification', ['LABEL_0']]);
    expect(written(model)).not.toHaveProperty('problem_type');
  });

  it('is for what the caller says where config.json says nothing, and then config.json says it', () => {
    const labels = { task: 'classification', labels: LABELS } as const;
    expect(graphFromCheckpoint(trained({}), labels).created).toEqual([]);
    for (const problem of ['multi_label_classification', 'regression'] as const) {
      const model = graphFromCheckpoint(trained({}), { ...labels, problem });
      expect([model.created, model.problem]).toEqual([[], problem]);
      expect(written(model).problem_type).toBe(problem);
      const stated = trained({ problem_type: 'single_label_classification' });
      expect(graphFromCheckpoint(stated, { ...labels, problem }).problem).toBe(
        'single_label_classification',
      );
      const drawn = graphFromCheckpoint(stated, { ...labels, problem, newHead: true });
      expect([drawn.problem, drawn.created.length]).toEqual([problem, 2]);
    }
  });

  it('of a masked LM is found with gamma and beta, and with the bias of the decoder', () => {
    const shapes = Object.entries(stored('roberta', 'masked-lm')).map(([name, shape]) => [
      name.replace('lm_head.bias', 'lm_head.decoder.bias'),
      shape,
    ]);
    const from = checkpoint(configFor('roberta', 'masked-lm'), Object.fromEntries(shapes));
    const { sources } = graphFromCheckpoint(from, { task: 'masked-lm' });
    expect(sources.get('lm_head.bias')).toBe('lm_head.decoder.bias');
    const old = Object.entries(stored('bert', 'masked-lm')).map(([name, shape]) => [
      name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('Norm.bias', 'Norm.beta'),
      shape,
    ]);
    const legacy = checkpoint(configFor('bert', 'masked-lm'), Object.fromEntries(old));
    expect(graphFromCheckpoint(legacy, { task: 'masked-lm' }).created).toEqual([]);
  });

  it('of DeBERTa-v3 is found by its weights: no key of config.json tells of it', () => {
    const shapes = stored('deberta-new-lm', 'masked-lm.untied');
    const { legacy: _, ...config } = configFor('deberta-new-lm', 'masked-lm');
    const model = graphFromCheckpoint(checkpoint(config, shapes), { task: 'masked-lm' });
    expect(model.created).toEqual([]);
    expect(written(model)).toMatchObject({ legacy: false, tie_word_embeddings: false });
  });
});
