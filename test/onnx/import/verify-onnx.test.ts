/** Verification catches mistakes of recovery: the tests change a recovered graph before it is verified. */

import { expect, test } from 'vitest';
import { verifyOnnx } from '../../../lib/checkpoint/onnx/verify-onnx.js';
import { importOnnx, type OnnxImport, STYLES } from '../../../lib/formats/onnx/import/index.js';
import type { EncoderGraph, GraphNode } from '../../../lib/graph/types.js';
import { ensureLanes } from '../../../lib/native/lanes.js';
import { buildProgram, bytesOf } from '../../../lib/runtime/program.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const [CASE] = zooCases(`${ONNX_FIXTURES}/zoo`).filter(({ task }) => task === 'feat');

/** The import with its graph changed, and the program of that graph. */
async function tampered(change: (node: GraphNode, index: number) => GraphNode) {
  ensureLanes('test', 2);
  const imported = await importOnnx(CASE?.model ?? '');
  const { graph, sources, values } = imported.graph(STYLES[0]);
  const changed: EncoderGraph = { ...graph, nodes: graph.nodes.map(change) };
  const program = await buildProgram(changed, { trainable: false }, (made, { name }) => {
    const source = sources.get(name);
    if (source) made.writeWeight(name, 0, 'f32', bytesOf(imported.weights.floats(source)));
  });
  const liar: OnnxImport = { ...imported, graph: () => ({ graph: changed, sources, values }) };
  return { liar, changed, program, values };
}

test('what was recovered is verified', async () => {
  const { liar, changed, program } = await tampered((node) => node);
  const { difference, outputs, ms } = await verifyOnnx(liar, changed, program);
  program.dispose();
  expect(difference).toBeLessThan(1e-5);
  expect(outputs).toContain('hidden');
  expect(ms).toBeGreaterThan(0);
});

test('a wrong scale is found, and where it begins to show', async () => {
  let seen = 0;
  const { liar, changed, program, values } = await tampered((node) =>
    // The second layer: the first value that differs is its attention.
    node.op === 'attention' && seen++ === 1 ? { ...node, scale: node.scale * 1.01 } : node,
  );
  const attention = changed.nodes.filter(({ op }) => op === 'attention')[1];
  // The rows of this value are in another order in the file, so the next value is the first that can be compared.
  const order = [...values];
  const at = order.findIndex(([name]) => name === attention?.output);
  const first = order.slice(at).find(([, { origin }]) => origin !== '')?.[1].origin;
  const failed = verifyOnnx(liar, changed, program);
  await expect(failed).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
  await expect(failed).rejects.toThrow(/verification failed/);
  const details = await failed.catch((error) => error.details);
  expect(first).toBeTruthy();
  expect(details.value).toBe(first);
  program.dispose();
});

test('a program that computes NaN is refused', async () => {
  const { liar, changed, program } = await tampered((node) =>
    node.op === 'attention' ? { ...node, scale: 1e38 } : node,
  );
  await expect(verifyOnnx(liar, changed, program)).rejects.toThrow(/verification failed|gives NaN/);
  program.dispose();
});
