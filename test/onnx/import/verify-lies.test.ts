/**
 * Verification must find these mistakes and accept these good files: int8 files, wrong rewrites, outputs in any order, options
 * of the caller.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildFolder, verifyFolder } from '../../../lib/checkpoint/load-model.js';
import { readOnnxFolder } from '../../../lib/checkpoint/onnx/onnx-folder.js';
import { verifyOnnx } from '../../../lib/checkpoint/onnx/verify-onnx.js';
import { importOnnx, type OnnxImport, STYLES } from '../../../lib/formats/onnx/import/index.js';
import type { Initializer, OnnxGraph } from '../../../lib/formats/onnx/import/model.js';
import type { EncoderGraph } from '../../../lib/graph/types.js';
import { Encoder } from '../../../lib/index.js';
import { ensureLanes } from '../../../lib/native/lanes.js';
import { buildProgram, bytesOf, deriveProgram } from '../../../lib/runtime/program.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const CASES = zooCases(`${ONNX_FIXTURES}/zoo`);
const SENTENCE = join(ONNX_FIXTURES, 'zoo', 'optimum_st_mean_norm', 'model.onnx');
let folder = '';

beforeAll(async () => {
  ensureLanes('test', 2);
  folder = await mkdtemp(join(tmpdir(), 'sinter-verify-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function modelOf(name: string): string {
  return CASES.find((item) => item.name === name)?.model ?? '';
}

/** The recovered graph and its program, changed by `change`. */
async function draftOf(imported: OnnxImport, change = (graph: EncoderGraph) => graph) {
  const { graph, sources, values } = imported.graph(STYLES[0]);
  const changed = change(graph);
  const program = await buildProgram(changed, { trainable: false }, (made, { name }) => {
    const source = sources.get(name);
    if (source) made.writeWeight(name, 0, 'f32', bytesOf(imported.weights.floats(source)));
  });
  const liar: OnnxImport = { ...imported, graph: () => ({ graph: changed, sources, values }) };
  return { graph: changed, program, values, liar };
}

describe.each(['token', 'tensor'] as const)('int8 with a range per %s', (activations) => {
  test('another pooling is found, although rounding errors are as large', async () => {
    const file = join(folder, `${activations}.onnx`);
    await using model = await Encoder.load(SENTENCE);
    await using int8 = await model.quantize({ equalize: false });
    await int8.exportOnnx(file, { precision: 'int8', activations });
    const onnx = await readOnnxFolder(file, { widen: false });
    expect(onnx.quantized.size).toBeGreaterThan(0);
    const settings = { lanes: undefined, signal: undefined, seed: 0 };
    const { graph, program } = await buildFolder('test', onnx, { task: 'embedding' }, settings);
    const verified = await verifyFolder(onnx, graph, program);
    expect(verified.outputs).toContain('embedding');
    expect(verified).toMatchObject({ tolerance: 0.2 });
    const nodes = graph.nodes.map((node) =>
      node.op === 'pool' ? ({ ...node, kind: 'weightedmean' } as const) : node,
    );
    const other: EncoderGraph = { ...graph, nodes };
    const liar = await deriveProgram(other, program.store, { trainable: false });
    await expect(verifyFolder(onnx, other, liar)).rejects.toThrow(/verification failed/);
    program.dispose();
    liar.dispose();
  });
});

/**
 * Imitates the mistake of a rule: a weight of the plain form differs from the file's, and the graph recovered from it agrees
 * with it.
 */
function mistaken(imported: OnnxImport, factor: number): void {
  const { initializers } = imported.plain.graph;
  const piece = [...imported.graph(STYLES[0]).sources.values()].find(
    (source) => source.kind === 'matrix' && source.matrix.rows === source.matrix.columns,
  );
  const name = piece?.kind === 'matrix' ? piece.matrix.pieces[0]?.source : undefined;
  const right = initializers.get(name ?? '');
  if (name === undefined || right === undefined) throw new Error('no product');
  const { readRange: _, ...rest } = right;
  const read = () => {
    const tensor = right.read();
    return { ...tensor, data: Float32Array.from(tensor.data, (x) => x * factor) };
  };
  (initializers as Map<string, Initializer>).set(name, { ...rest, read });
}

test.each([
  ['bert_dyn23_sdpa_attention_op', 1.01],
  ['bert_opt_fp16_keepio', 2],
  ['distilbert_qdyn_ort_extended', -4],
])('a wrong rewrite, which changes both sides alike, is seen: %s', async (name, factor) => {
  const imported = await importOnnx(modelOf(name));
  mistaken(imported, factor);
  const { graph, program, liar } = await draftOf(imported);
  await expect(verifyOnnx(liar, graph, program)).rejects.toThrow(/verification failed/);
  program.dispose();
});

test('the first difference is reported at a value of the file, not at an intermediate step', async () => {
  const imported = await importOnnx(modelOf('bert_dyn23_sdpa_attention_op'));
  let seen = 0;
  const { graph, program, values, liar } = await draftOf(imported, (right) => ({
    ...right,
    nodes: right.nodes.map((node) =>
      node.op === 'attention' && seen++ === 1 ? { ...node, scale: node.scale * 1.5 } : node,
    ),
  }));
  const attention = graph.nodes.filter(({ op }) => op === 'attention')[1];
  const order = [...values];
  const [embedding, norm] = order.map(([, value]) => value);
  if (embedding === undefined || norm === undefined) throw new Error('no values');
  embedding.origin = norm.origin;
  const at = order.findIndex(([name]) => name === attention?.output);
  const first = order.slice(at).find(([, { origin }]) => origin !== '')?.[1].origin;
  const details = await verifyOnnx(liar, graph, program).catch((error) => error.details);
  expect(details.value).toBe(first);
  program.dispose();
});

/** The file with one more output, an Identity of its first. */
async function repeated(file: string): Promise<OnnxImport> {
  const imported = await importOnnx(file);
  const { plain, recovered } = imported;
  const [found] = recovered.found;
  if (found === undefined) throw new Error('no output');
  const more = (graph: OnnxGraph): OnnxGraph => ({
    ...graph,
    nodes: [
      ...graph.nodes,
      {
        op: 'Identity',
        domain: '',
        name: 'again',
        inputs: [found.file],
        outputs: ['again'],
        attributes: new Map(),
      },
    ],
  });
  const source = { ...plain.source, graph: more(plain.source.graph) };
  return {
    ...imported,
    plain: { ...plain, source, graph: more(plain.graph) },
    recovered: { ...recovered, found: [...recovered.found, { ...found, file: 'again' }] },
  };
}

test('two outputs of one value are two, not two columns', async () => {
  const imported = await repeated(modelOf('bert_dyn23_sdpa_attention_op'));
  const { graph, program } = await draftOf(imported);
  const { outputs, difference } = await verifyOnnx(imported, graph, program);
  expect(outputs).toEqual(['hidden']);
  expect(difference).toBeLessThan(1e-5);
  program.dispose();
});

test.runIf(modelOf('bert_ts14_eager_qa_relu'))(
  'columns are told by number, not order (needs ../shared/fixtures/onnx)',
  async () => {
    const imported = await importOnnx(modelOf('bert_ts14_eager_qa_relu'));
    const { recovered } = imported;
    expect(recovered.found.map(({ column }) => column)).toEqual([0, 1]);
    for (const found of [recovered.found, recovered.found.toReversed()]) {
      const turned = { ...imported, recovered: { ...recovered, found } };
      const { graph, program } = await draftOf(turned);
      const { difference } = await verifyOnnx(turned, graph, program);
      expect(difference).toBeLessThan(1e-5);
      program.dispose();
    }
  },
);

test.each([
  { pooling: 'cls' },
  { normalize: false },
  { pooling: 'mean', normalize: true },
] as const)('a caller may pool otherwise than the file: %o', async (options) => {
  await using model = await Encoder.load(SENTENCE, options);
  expect((await model.info()).quantized).toBe(false);
});
