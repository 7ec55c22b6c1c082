/**
 * Every operation of the IR in every opset and precision: exported, checked by rules, run in ONNX Runtime, compared with
 * the plain evaluation of the graph.
 */

import { describe, expect, it } from 'vitest';
import { blockCodes } from '../../lib/formats/onnx/block-codes.js';
import { OPSETS } from '../../lib/formats/onnx/opsets.js';
import type { Range } from '../../lib/formats/onnx/ranges.js';
import { quantizableWeights, quantizeGraph } from '../../lib/graph/rewrite/quantize.js';
import { validateGraph } from '../../lib/graph/validate.js';
import { evaluate, type Text } from './reference.js';
import { S8_NOTE, S8_SATURATES } from './saturation.js';
import type { Floats } from './support.js';
import { batchOf, cosine, difference, runToy, textsOf } from './toy-runs.js';
import { type Toy, toys } from './toys.js';

/** For f32: the largest difference, relative to the largest number of an output. */
const TOLERANCE = 1e-5;

/** The weights of the toy after a round trip through codes in blocks, except the weights of products over whole texts. */
async function throughBlocks(
  toy: Toy,
  settings: { readonly bits: 8 | 4; readonly size: number; readonly symmetric: boolean },
): Promise<Floats> {
  const shapes = validateGraph(toy.graph);
  const tables = toy.graph.nodes.flatMap((node) =>
    node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [],
  );
  const weights = new Map(toy.weights);
  for (const node of toy.graph.nodes) {
    const kind = node.op === 'linear' ? shapes.get(node.input)?.kind : undefined;
    if (node.op !== 'linear' || kind === 'sequence') continue;
    for (const name of node.weights) {
      if (tables.includes(name)) continue;
      const width = toy.graph.weights.find((spec) => spec.name === name)?.shape[1] ?? 1;
      const values = toy.weights.get(name) ?? new Float32Array();
      const { codes, scales, zeroPoints } = await blockCodes(values, width, settings);
      const blocks = Math.ceil(width / settings.size);
      const wide = values.map((_, i) => {
        const block = Math.floor(i / width) * blocks + Math.floor((i % width) / settings.size);
        return ((codes[i] ?? 0) - (zeroPoints[block] ?? 0)) * (scales[block] ?? 0);
      });
      weights.set(name, wide);
    }
  }
  return weights;
}

/** Smallest and largest input of every linear node over the texts. */
function rangesOf(toy: Toy, texts: readonly Text[]): ReadonlyMap<string, Range> {
  const all = texts.map((text) => evaluate(toy.graph, toy.weights, text));
  const ranges = new Map<string, Range>();
  for (const node of toy.graph.nodes) {
    if (node.op !== 'linear') continue;
    const inputs = all.flatMap((values) => [...(values.get(node.input)?.data ?? [])]);
    ranges.set(node.output, { min: Math.min(...inputs), max: Math.max(...inputs) });
  }
  return ranges;
}

describe.each(toys())('$name', (toy) => {
  const texts = textsOf(toy);
  const batch = batchOf(texts);
  const narrow = quantizeGraph(toy.graph, quantizableWeights(toy.graph, { embeddings: true }), 8);

  it.each(OPSETS)('opset %i agrees with the graph', async (opset) => {
    const { results } = await runToy(toy, [batch], { opset });
    expect(difference(toy, texts, results[0] ?? {})).toBeLessThan(TOLERANCE);
  });

  it('each text alone', async () => {
    const alone = texts.map((text) => batchOf([text]));
    const { results } = await runToy(toy, alone);
    for (const [i, text] of texts.entries()) {
      expect(difference(toy, [text], results[i] ?? {}), `${i}`).toBeLessThan(TOLERANCE);
    }
  });

  it.each([14, 17, 21] as const)('f16, opset %i', async (opset) => {
    const { results, parsed } = await runToy(toy, [batch], { opset, precision: 'f16' });
    expect(difference(toy, texts, results[0] ?? {})).toBeLessThan(1e-2);
    const wide = parsed.tensors.filter(({ type, dims }) => type === 1 && dims.length > 1);
    expect(wide.every(({ name }) => name.startsWith('rotary/'))).toBe(true);
  });

  it.for([
    { opset: 14, weights: 'uint8', activations: 'token' },
    { opset: 17, weights: 'int8', activations: 'tensor' },
  ] as const)('int8, $weights, range per $activations', async (form, { skip }) => {
    skip(S8_SATURATES && form.weights === 'int8', S8_NOTE);
    const options = { ...form, precision: 'int8', graph: narrow } as const;
    const { results } = await runToy(toy, [batch], options);
    expect(cosine(toy, texts, results[0] ?? {})).toBeGreaterThan(0.99);
  });

  it.for([
    { opset: 14, weights: 'uint8', codes: 'uint8' },
    { opset: 21, weights: 'int8', codes: 'int8' },
  ] as const)('int8-static, $weights weights, $codes activations', async (form, { skip }) => {
    skip(S8_SATURATES && form.weights === 'int8', S8_NOTE);
    const ranges = rangesOf(toy, texts);
    const options = { ...form, precision: 'int8-static', graph: narrow, ranges } as const;
    const { results, parsed } = await runToy(toy, [batch], options);
    expect(cosine(toy, texts, results[0] ?? {})).toBeGreaterThan(0.98);
    expect(parsed.nodes.some(({ op }) => op === 'QuantizeLinear')).toBe(true);
  });

  const blocks = ([4, 8] as const).flatMap((bits) =>
    (['DequantizeLinear', 'MatMulNBits'] as const).flatMap((operator) =>
      [true, false].map((symmetric) => ({ bits, operator, symmetric })),
    ),
  );
  it.each(blocks)('$bits bits, $operator, symmetric: $symmetric', async (form) => {
    const { bits, operator, symmetric } = form;
    const { results } = await runToy(toy, [batch], {
      opset: 21,
      precision: bits === 4 ? 'int4-weights' : 'int8-weights',
      blocks: { operator, symmetric, size: 16 },
      // ONNX Runtime turns the blocks of DequantizeLinear into MatMulNBits with activations of 8 bits.
      asWritten: operator === 'DequantizeLinear',
    });
    const weights = await throughBlocks(toy, { bits, symmetric, size: 16 });
    expect(difference(toy, texts, results[0] ?? {}, weights)).toBeLessThan(TOLERANCE);
    expect(difference(toy, texts, results[0] ?? {})).toBeGreaterThan(1e-4);
  });
});
