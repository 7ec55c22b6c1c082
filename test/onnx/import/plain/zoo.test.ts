/**
 * Every file of the zoo has a plain form that computes what was recorded: `output` for float files, `float_weights` for
 * quantized ones (weights dequantized, activations not quantized). Only operators of the plain form are left.
 */

import { describe, expect, it } from 'vitest';
import { operatorOf } from '../../../../lib/formats/onnx/import/plain/attributes.js';
import {
  PLAIN_OPERATORS,
  PLAIN_OPSETS,
} from '../../../../lib/formats/onnx/import/plain/plain-model.js';
import { toPlain } from '../../../../lib/formats/onnx/import/plain/to-plain.js';
import { readOnnxModel } from '../../../../lib/formats/onnx/import/read-model.js';
import { evaluate } from '../../../../lib/formats/onnx/import/reference/evaluate.js';
import { counts, difference, golden, zooCases } from '../zoo.js';

const cases = zooCases();

/**
 * `float_weights` of this case rounds weights to float16 but not the constants inside the graph (rotary frequencies, scale),
 * which the file holds rounded too: its plain form is the file's arithmetic and is compared with `output`.
 */
const ROUNDED_CONSTANTS = new Set(['modernbert_fp16_keepio']);

describe('plain form of the zoo', () => {
  it('is tested on at least the committed cases', () => {
    expect(cases.length).toBeGreaterThanOrEqual(20);
  });

  it.each(cases.map((zooCase) => [zooCase.name, zooCase] as const))('%s', async (_, zooCase) => {
    const plain = toPlain(await readOnnxModel(zooCase.model));
    const operators = new Set(plain.graph.nodes.map(operatorOf));
    expect([...operators].filter((operator) => !PLAIN_OPERATORS.has(operator))).toEqual([]);
    expect(plain.quantized.size > 0).toBe(isInteger(zooCase.quantization));
    for (const group of zooCase.golden.groups) {
      const inputs = await golden(zooCase, group, 'input');
      const floats = await golden(zooCase, group, 'float_weights');
      const rounded = ROUNDED_CONSTANTS.has(zooCase.name);
      const kind = floats.size > 0 && !rounded ? 'float_weights' : 'output';
      const recorded = kind === 'output' ? await golden(zooCase, group, 'output') : floats;
      const { tolerances } = zooCase;
      const tolerance = rounded
        ? tolerances.float_against_output
        : (tolerances[kind] ?? tolerances.float);
      if (tolerance === undefined) throw new Error(`${zooCase.name}: no tolerance for ${kind}`);
      const made = await evaluate({ graph: plain.graph, opsets: PLAIN_OPSETS }, inputs);
      for (const [name, want] of recorded) {
        const got = made.get(name);
        if (got === undefined) throw new Error(`${zooCase.name}: ${name} is not an output`);
        const apart = difference(got, want, tolerance, counts(zooCase, inputs, name));
        expect(apart.compared, `${group} ${name}`).toBeGreaterThan(0);
        expect(apart.ofTolerance, `${group} ${name} against ${kind}`).toBeLessThanOrEqual(1);
      }
    }
  });
});

/** Whether a case holds integer weights (half precision is recorded as quantization too). */
function isInteger(quantization: unknown): boolean {
  const text = JSON.stringify(quantization ?? null);
  return text !== 'null' && !/float16/.test(text);
}
