/**
 * Recovery refuses what is no encoder, with reasons, and tells all at once: good graphs with one thing changed.
 */

import { describe, expect, test } from 'vitest';
import type { Initializer, OnnxGraph, OnnxNode } from '../../../lib/formats/onnx/import/model.js';
import type { PlainModel } from '../../../lib/formats/onnx/import/plain/plain-model.js';
import { toPlain } from '../../../lib/formats/onnx/import/plain/to-plain.js';
import { readOnnxModel } from '../../../lib/formats/onnx/import/read-model.js';
import {
  fitLogBuckets,
  fitT5,
  logBucket,
  reachOf,
  t5Bucket,
} from '../../../lib/formats/onnx/import/recover/distances.js';
import {
  type DraftEmbedding,
  operandsOf,
  type Value,
} from '../../../lib/formats/onnx/import/recover/draft.js';
import { pickRows, stack } from '../../../lib/formats/onnx/import/recover/matrix.js';
import { recoverDraft } from '../../../lib/formats/onnx/import/recover/recover.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const CASES = zooCases(`${ONNX_FIXTURES}/zoo`);
const EAGER = CASES.find(({ name }) => /^bert_ts(11|14|17)_(eager|sdpa)/.test(name)) ?? CASES[0];

async function plainOf(): Promise<PlainModel> {
  return toPlain(await readOnnxModel(EAGER?.model ?? ''));
}

/** The plain model with its nodes changed. */
function changed(plain: PlainModel, change: (node: OnnxNode) => OnnxNode): PlainModel {
  const graph: OnnxGraph = { ...plain.graph, nodes: plain.graph.nodes.map(change) };
  return { ...plain, graph };
}

const NODE = { domain: '', name: 'made', attributes: new Map() } as const;

/** The tables of the embedding below a value. */
function tablesOf({ node }: Value): DraftEmbedding['tables'] {
  if (node.op === 'embedding') return node.tables;
  return operandsOf(node).flatMap(tablesOf).slice(0, 3);
}

function refusal(plain: PlainModel) {
  try {
    recoverDraft(plain);
  } catch (error) {
    return error as { code: string; message: string; details: { nodes?: readonly string[] } };
  }
  throw new Error('it was recovered');
}

test('the unchanged graph is recovered', async () => {
  const { hidden, maxTokens, vocabulary } = recoverDraft(await plainOf());
  expect(hidden.kind).toBe('token');
  expect(maxTokens).toBeGreaterThan(1);
  expect(vocabulary).toBeGreaterThan(1);
});

test('attention that does not hide padding is refused', async () => {
  const plain = await plainOf();
  const makers = new Map(plain.graph.nodes.flatMap((n) => n.outputs.map((o) => [o, n] as const)));
  const bad = changed(plain, (node) => {
    if (node.op !== 'Softmax') return node;
    // The scores, without the mask that was added to them.
    const sum = makers.get(node.inputs[0] ?? '');
    return { ...node, inputs: [sum?.inputs[0] ?? ''] };
  });
  expect(refusal(bad)).toMatchObject({ code: 'UNSUPPORTED_MODEL' });
  expect(refusal(bad).message).toMatch(/padding|no product|axis/);
});

test('a Softmax over something else is refused', async () => {
  const bad = changed(await plainOf(), (node) =>
    node.op === 'Softmax' ? { ...node, attributes: new Map([['axis', 1]]) } : node,
  );
  expect(refusal(bad).message).toMatch(/not that of the keys/);
});

test('every node that is not explained is listed at once, with the reason', async () => {
  let seen = 0;
  const bad = changed(await plainOf(), (node) =>
    // The first three products: queries, keys and values of one layer.
    node.op === 'MatMul' && seen++ < 3 ? { ...node, op: 'Mystery', domain: 'acme' } : node,
  );
  const { code, details, message } = refusal(bad);
  expect(code).toBe('UNSUPPORTED_MODEL');
  expect(details.nodes).toHaveLength(3);
  expect(message).toMatch(/3 nodes.*acme::Mystery/s);
});

test('a transposed residual is refused, not taken for a sum', async () => {
  const plain = await plainOf();
  let done = false;
  const nodes = plain.graph.nodes.flatMap((node): OnnxNode[] => {
    if (done || node.op !== 'LayerNormalization') return [node];
    done = true;
    const [from = ''] = node.outputs;
    const inner = `${from}_rows`;
    // The tokens of a text change places.
    const gather: OnnxNode = {
      op: 'Gather',
      domain: '',
      name: 'shuffle',
      inputs: [inner, 'shuffled'],
      outputs: [from],
      attributes: new Map([['axis', 1]]),
    };
    return [{ ...node, outputs: [inner] }, gather];
  });
  const shuffled: Initializer = {
    name: 'shuffled',
    dtype: 'int64',
    dims: [7],
    read: () => ({ dtype: 'int64', dims: [7], data: Float64Array.of(1, 0, 2, 3, 4, 5, 6) }),
  };
  const initializers = new Map<string, Initializer>([
    ...plain.graph.initializers,
    ['shuffled', shuffled],
  ]);
  const bad = { ...plain, graph: { ...plain.graph, nodes, initializers } };
  expect(refusal(bad).code).toMatch(/UNSUPPORTED_MODEL|CORRUPT_MODEL/);
});

test('without an input of segments only row 0 of their table is left', async () => {
  const plain = await plainOf();
  const whole = recoverDraft(plain);
  expect(whole.segments).toBe(2);
  const [ids = ''] = [...whole.inputs.roles].find(([, role]) => role === 'ids') ?? [];
  const [kinds = ''] = [...whole.inputs.roles].find(([, role]) => role === 'segments') ?? [];
  const zeros: OnnxNode[] = [
    { ...NODE, op: 'Sub', inputs: [ids, ids], outputs: [kinds], attributes: new Map() },
  ];
  const { graph } = plain;
  const inputs = graph.inputs.filter(({ name }) => name !== kinds);
  const found = recoverDraft({
    ...plain,
    graph: { ...graph, inputs, nodes: [...zeros, ...graph.nodes] },
  });
  expect(found.segments).toBe(1);
  expect(tablesOf(found.hidden).find(({ index }) => index === 'segment')?.matrix).toMatchObject({
    rows: 1,
    pieces: [{ begin: 0, end: 1 }],
  });
});

test.each([
  [1, 1e9],
  [1e6, 1e6],
  [0, 7],
  [1, -1],
  [2 ** 15, null],
  [1, 4096],
])('inputs of fixed sizes %s x %s are refused before anything is made of them', async (...dims) => {
  const plain = await plainOf();
  const sized = plain.graph.inputs.map((input) => ({ ...input, dims }));
  const { code, message } = refusal({ ...plain, graph: { ...plain.graph, inputs: sized } });
  expect(code).toBe('UNSUPPORTED_MODEL');
  expect(message).toMatch(`must have 1 to 16384 tokens and at most 4194304 pairs of them, got `);
  expect(message).toMatch(`[${dims.join(', ')}]`);
});

describe('distances', () => {
  const range = Array.from({ length: 301 }, (_, i) => i - 150);

  test.each([32, 64])('T5 buckets are told from their rows (%i buckets)', (buckets) => {
    for (const maxDistance of [128, 100]) {
      const seen = new Map(range.map((d) => [d, t5Bucket(d, buckets, maxDistance)]));
      const fitted = fitT5(seen, buckets) ?? 0;
      for (const d of range) expect(t5Bucket(d, buckets, fitted)).toBe(seen.get(d));
    }
    const other = new Map(range.map((d) => [d, Math.abs(d) % buckets]));
    expect(fitT5(other, buckets)).toBeNull();
  });

  test('log buckets of DeBERTa, with and without', () => {
    const rows = (buckets: number, maxDistance: number, span: number) =>
      new Map(
        range.map((d) => {
          const at = logBucket(d, buckets, maxDistance) + span;
          return [d, Math.min(2 * span - 1, Math.max(0, at))];
        }),
      );
    expect(fitLogBuckets(rows(16, 64, 16), 32)).toEqual({ buckets: 16, maxDistance: 64 });
    expect(fitLogBuckets(rows(0, 40, 40), 80)).toEqual({ buckets: 0, maxDistance: 40 });
    expect(fitLogBuckets(new Map(range.map((d) => [d, 3])), 32)).toBeNull();
  });

  test('what a query sees', () => {
    const seen = (test: (d: number) => boolean) => new Map(range.map((d) => [d, test(d)]));
    expect(reachOf(seen(() => true))).toEqual({ kind: 'all' });
    expect(reachOf(seen((d) => Math.abs(d) <= 64))).toEqual({ kind: 'window', size: 64 });
    expect(reachOf(seen((d) => d <= 0))).toMatch(/causal/);
    expect(reachOf(seen((d) => d % 2 === 0))).toMatch(/no rule/);
    expect(reachOf(seen((d) => d <= 0 && d > -5))).toMatch(/rule/);
  });
});

describe('matrices', () => {
  const whole = {
    rows: 6,
    columns: 2,
    pieces: [{ source: 'w', transposed: true, begin: 0, end: 6 }],
  };

  test('cut and joined again a matrix is itself', () => {
    const parts = [
      [0, 1],
      [2, 3],
      [4, 5],
    ].map((rows) => pickRows(whole, rows));
    expect(stack(parts)).toEqual(whole);
  });

  test('rows in another order become pieces', () => {
    const { pieces } = pickRows(whole, [4, 5, 0]);
    expect(pieces.map(({ begin, end }) => [begin, end])).toEqual([
      [4, 6],
      [0, 1],
    ]);
  });
});

/** ModernBERT whose positions come from operators that no rule knows. */
test('without a probe of long texts, texts are limited to the length that was probed', async () => {
  const file = CASES.find(({ name }) => name === 'modernbert_dyn18')?.model ?? '';
  const plain = toPlain(await readOnnxModel(file));
  expect(recoverDraft(plain).seen).toBeNull();
  const odd = plain.graph.nodes.flatMap((node): OnnxNode[] => {
    if (node.op !== 'Range') return [node];
    const [from = ''] = node.outputs;
    const list = `${from}_list`;
    // 0, 1, 1 ... added up: 0, 1, 2 ...
    const least = new Map([['keepdims', 0]]);
    return [
      { ...node, outputs: [list] },
      { ...NODE, op: 'Sign', inputs: [list], outputs: [`${from}_ones`] },
      { ...NODE, op: 'ReduceMin', inputs: [list], outputs: [`${from}_axis`], attributes: least },
      { ...NODE, op: 'CumSum', inputs: [`${from}_ones`, `${from}_axis`], outputs: [from] },
    ];
  });
  const found = recoverDraft({ ...plain, graph: { ...plain.graph, nodes: odd } });
  expect(found).toMatchObject({ seen: 150, maxTokens: 150, bounded: true });
});

test('where a branch depends on the length, texts are limited to the length that was probed', async () => {
  const file = CASES.find(({ name }) => name === 'modernbert_dyn18')?.model ?? '';
  const { graph, ...plain } = toPlain(await readOnnxModel(file));
  const [ids = ''] = graph.inputs.map(({ name }) => name);
  const most: Initializer = {
    name: 'most',
    dtype: 'int64',
    dims: [],
    read: () => ({ dtype: 'int64', dims: [], data: Float64Array.of(300) }),
  };
  const at = graph.nodes.findIndex(({ op }) => op === 'Softmax');
  const [softmax] = graph.nodes.slice(at);
  if (softmax === undefined) throw new Error('no Softmax');
  const [to = ''] = softmax.outputs;
  const branch = (name: string): OnnxGraph => ({
    ...graph,
    inputs: [],
    initializers: new Map(),
    outputs: [{ name, dtype: 'float32', dims: null }],
    nodes: [{ ...softmax, outputs: [name] }],
  });
  const attributes = new Map([
    ['then_branch', branch('then')],
    ['else_branch', branch('else')],
  ]);
  const nodes: OnnxNode[] = [
    { ...NODE, op: 'Size', inputs: [ids], outputs: ['size'] },
    { ...NODE, op: 'Less', inputs: ['size', 'most'], outputs: ['short'] },
    ...graph.nodes.slice(0, at),
    { ...NODE, op: 'If', inputs: ['short'], outputs: [to], attributes },
    ...graph.nodes.slice(at + 1),
  ];
  const initializers = new Map([...graph.initializers, ['most', most] as const]);
  const found = recoverDraft({ ...plain, graph: { ...graph, nodes, initializers } });
  expect(found).toMatchObject({ seen: 150, maxTokens: 150 });
});
