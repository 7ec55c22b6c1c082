/**
 * The QOperator format: an operator with quantized inputs and result becomes DequantizeLinear of each input, the float
 * operator, QuantizeLinear of the result. The rules of Q/DQ then remove the pairs in between.
 */

import type { Attribute, OnnxNode } from '../../model.js';
import { numberOf } from '../attributes.js';
import type { Rule, Writer } from '../rule.js';
import { floatOf } from '../unquantized.js';
import { swapped } from './products.js';

type Attributes = Readonly<Record<string, Attribute>>;

/**
 * The float operator, and the layout of a QOperator's inputs. `result`: index of the scale of the result; its zero point
 * follows.
 */
interface Form {
  readonly op: string;
  /** Index of each quantized input; its scale and zero point follow. */
  readonly inputs: readonly number[];
  readonly result: number;
  readonly attributes?: (node: OnnxNode) => Attributes;
}

const unary = (op: string, attributes?: (node: OnnxNode) => Attributes): Form => ({
  op,
  inputs: [0],
  result: 3,
  ...(attributes === undefined ? {} : { attributes }),
});
const binary = (op: string): Form => ({ op, inputs: [0, 3], result: 6 });

const FORMS: ReadonlyMap<string, Form> = new Map([
  ['QLinearMatMul', binary('MatMul')],
  ['com.microsoft::QLinearAdd', binary('Add')],
  ['com.microsoft::QLinearMul', binary('Mul')],
  ['com.microsoft::QLinearSigmoid', unary('Sigmoid')],
  [
    'com.microsoft::QLinearSoftmax',
    unary('Softmax', (node) => ({ axis: numberOf(node, 'axis', -1) })),
  ],
]);

/** Writes the float operator and the QuantizeLinear of its result; without a scale the result is float. */
function finish(
  node: OnnxNode,
  write: Writer,
  op: string,
  inputs: string[],
  attributes: Attributes,
  result: number,
): boolean {
  const [scale, zero] = [write.graph.input(node, result), write.graph.input(node, result + 1)];
  const output = node.outputs[0] ?? '';
  if (scale === '') return write.into(output, op, inputs, attributes);
  const value = write.op(op, inputs, attributes);
  return write.into(output, 'QuantizeLinear', [value, scale, zero]);
}

function isOldSoftmax(node: OnnxNode, write: Writer): boolean {
  if (node.op !== 'QLinearSoftmax' || numberOf(node, 'opset', 13) >= 13) return false;
  const rank = write.graph.rank(write.graph.input(node, 0));
  const axis = numberOf(node, 'axis', 1);
  return axis !== -1 && (rank === null || axis !== rank - 1);
}

const elementwise: Rule = {
  name: 'q-operator',
  matches: 'QLinearMatMul; com.microsoft QLinearAdd, QLinearMul, QLinearSigmoid, QLinearSoftmax',
  writes: 'DequantizeLinear, the float operator, QuantizeLinear',
  roots: [...FORMS.keys()],
  rewrite(node, write) {
    const form = FORMS.get(node.domain === '' ? node.op : `${node.domain}::${node.op}`);
    if (form === undefined || isOldSoftmax(node, write)) return false;
    const input = (index: number) => write.graph.input(node, index);
    const floats = form.inputs.map((at) =>
      floatOf(write, input(at), input(at + 1), input(at + 2), -1),
    );
    const known = floats.filter((value) => value !== null);
    if (known.length !== floats.length) return false;
    return finish(node, write, form.op, known, form.attributes?.(node) ?? {}, form.result);
  },
};

const qGemm: Rule = {
  name: 'qgemm',
  matches: 'com.microsoft QGemm',
  writes: 'Transpose, MatMul, Mul by alpha, Add of the dequantized bias, QuantizeLinear',
  roots: ['com.microsoft::QGemm'],
  rewrite(node, write) {
    const { graph } = write;
    const input = (index: number) => graph.input(node, index);
    const transposes = numberOf(node, 'transB', 0) !== 0;
    const a = floatOf(write, input(0), input(1), input(2), -1);
    // The scales of B run along its output axis.
    const b = floatOf(write, input(3), input(4), input(5), transposes ? 0 : 1);
    if (a === null || b === null || numberOf(node, 'transA', 0) !== 0) return false;
    const right = transposes ? swapped(write, b) : b;
    if (right === null) return false;
    const alpha = numberOf(node, 'alpha', 1);
    const product = write.op('MatMul', [a, right]);
    const scaled = alpha === 1 ? product : write.op('Mul', [product, write.scalar(alpha)]);
    if (input(6) === '') return finish(node, write, 'Identity', [scaled], {}, 7);
    const bias = gemmBias(write, input(6), input(1), input(4), alpha);
    return bias !== null && finish(node, write, 'Add', [scaled, bias], {}, 7);
  },
};

/** The bias of QGemm has the scale alpha * scale of A * scale of B. */
function gemmBias(
  write: Writer,
  bias: string,
  scaleA: string,
  scaleB: string,
  alpha: number,
): string | null {
  const [codes, left, right] = [bias, scaleA, scaleB].map((name) => write.graph.initializer(name));
  const a = left?.read().data[0];
  if (!codes || a === undefined || !right) return null;
  const { dims } = codes;
  const width = dims.at(-1) ?? 1;
  if (right.dims.reduce((x, y) => x * y, 1) !== 1 && right.dims.at(-1) !== width) return null;
  const scales = right.read().data;
  const data = Float32Array.from(
    codes.read().data,
    (code, i) => code * alpha * Math.fround(a * (scales[scales.length === 1 ? 0 : i % width] ?? 0)),
  );
  return write.tensor({ dtype: 'float32', dims, data });
}

const qConcat: Rule = {
  name: 'qconcat',
  matches: 'com.microsoft QLinearConcat',
  writes: 'DequantizeLinear, Concat, QuantizeLinear',
  roots: ['com.microsoft::QLinearConcat'],
  rewrite(node, write) {
    const input = (index: number) => write.graph.input(node, index);
    const parts: string[] = [];
    for (let at = 2; at + 1 < node.inputs.length; at += 3) {
      const part = floatOf(write, input(at), input(at + 1), input(at + 2), -1);
      if (part === null) return false;
      parts.push(part);
    }
    return finish(node, write, 'Concat', parts, { axis: numberOf(node, 'axis', 0) }, 0);
  },
};

export const Q_OPERATOR_RULES: readonly Rule[] = [elementwise, qGemm, qConcat];
