/**
 * Removes nodes that only wrap a value: Constant, Identity, Dropout at inference, casts between floats, layout that changes
 * nothing.
 *
 * After these rules a constant is an initializer, and nodes that compute the same are merged.
 */

import { isGraph, isTensor, type OnnxNode, type Tensor } from '../../model.js';
import {
  dtypeOfCode,
  isFloat,
  isPermutation,
  numberOf,
  numbersOf,
  operatorOf,
  tensorOf,
} from '../attributes.js';
import { toFloat32 } from '../float-types.js';
import type { Rule, Writer } from '../rule.js';

function constantTensor(node: OnnxNode): Tensor | null {
  const tensor = tensorOf(node, 'value');
  if (tensor !== null) return toFloat32(tensor);
  const one = (name: string) => (node.attributes.has(name) ? [numberOf(node, name, 0)] : null);
  const float = one('value_float');
  if (float !== null) return { dtype: 'float32', dims: [], data: Float32Array.from(float) };
  const int = one('value_int');
  if (int !== null) return { dtype: 'int64', dims: [], data: Float64Array.from(int) };
  const floats = numbersOf(node, 'value_floats');
  if (floats !== null) {
    return { dtype: 'float32', dims: [floats.length], data: Float32Array.from(floats) };
  }
  const ints = numbersOf(node, 'value_ints');
  if (ints !== null) return { dtype: 'int64', dims: [ints.length], data: Float64Array.from(ints) };
  return null;
}

const constant: Rule = {
  name: 'constant-node',
  matches: 'Constant',
  writes: 'an initializer',
  roots: ['Constant'],
  rewrite(node, write) {
    const tensor = constantTensor(node);
    const name = node.outputs[0];
    if (tensor === null || name === undefined || write.graph.isOutput(name)) return false;
    const { dtype, dims } = tensor;
    write.graph.addInitializer({ name, dtype, dims, read: () => tensor });
    return true;
  },
};

/**
 * Makes the first result of the node an alias of its first input. False where the graph output would need an Identity again.
 */
function passThrough(node: OnnxNode, write: Writer): boolean {
  const output = node.outputs[0] ?? '';
  const input = write.graph.input(node, 0);
  if (input === '' || output === '') return false;
  if (node.op === 'Identity' && write.graph.isOutput(output) && !write.graph.canRename(input)) {
    return false;
  }
  return write.same(output, input);
}

const identity: Rule = {
  name: 'identity',
  matches: 'Identity',
  writes: 'its input',
  roots: ['Identity'],
  rewrite: passThrough,
};

const dropout: Rule = {
  name: 'dropout',
  matches: 'Dropout in inference, or of nothing',
  writes: 'its input',
  roots: ['Dropout'],
  rewrite(node, write) {
    const training = write.graph.input(node, 2);
    const ratio = write.graph.input(node, 1);
    const off = training === '' || [training, ratio].some((name) => write.graph.scalar(name) === 0);
    if (!off || write.graph.isRead(node.outputs[1] ?? '')) return false;
    return passThrough(node, write);
  },
};

const cast: Rule = {
  name: 'cast',
  matches: 'Cast from a float to a float, or to the type the value has',
  writes: 'its input',
  roots: ['Cast', 'CastLike'],
  rewrite(node, write) {
    const from = write.graph.fact(write.graph.input(node, 0)).dtype;
    const to =
      node.op === 'Cast'
        ? dtypeOfCode(numberOf(node, 'to', 0))
        : write.graph.fact(write.graph.input(node, 1)).dtype;
    if (from === null || to === null) return false;
    return (from === to || (isFloat(from) && isFloat(to))) && passThrough(node, write);
  },
};

const TO_THE_END = 2 ** 31 - 1;

function changesNothing(node: OnnxNode, write: Writer): boolean {
  const { graph } = write;
  const rank = graph.rank(graph.input(node, 0));
  const second = graph.input(node, 1);
  switch (node.op) {
    case 'Transpose':
      return numbersOf(node, 'perm')?.every((from, to) => from === to) ?? false;
    case 'Concat':
    case 'Sum':
    case 'Max':
    case 'Min':
      return node.inputs.length === 1;
    case 'Expand': {
      const shape = graph.small(second);
      return rank !== null && shape !== null && shape.length <= rank && shape.every((n) => n === 1);
    }
    case 'Slice': {
      const [starts, ends] = [graph.small(second), graph.small(graph.input(node, 2))];
      const steps = graph.input(node, 4);
      const forward = steps === '' || (graph.small(steps)?.every((step) => step === 1) ?? false);
      return (
        forward &&
        (starts?.every((n) => n === 0) ?? false) &&
        (ends?.every((n) => n >= TO_THE_END) ?? false)
      );
    }
    default:
      return false;
  }
}

const layout: Rule = {
  name: 'no-op-layout',
  matches: 'Transpose, Expand, Slice or Concat that changes nothing',
  writes: 'its input',
  roots: ['Transpose', 'Concat', 'Sum', 'Max', 'Min', 'Expand', 'Slice'],
  rewrite: (node, write) => changesNothing(node, write) && passThrough(node, write),
};

const neutral: Rule = {
  name: 'neutral-constant',
  matches: 'x * 1, x / 1, x + 0, x - 0 of floats',
  writes: 'x',
  roots: ['Mul', 'Div', 'Add', 'Sub'],
  rewrite(node, write) {
    const { graph } = write;
    const [a, b] = [graph.input(node, 0), graph.input(node, 1)];
    const without = node.op === 'Mul' || node.op === 'Div' ? 1 : 0;
    const drops = (value: string, constant: string) => {
      const rank = graph.rank(value);
      return (
        isFloat(graph.fact(value).dtype) &&
        isFloat(graph.fact(constant).dtype) &&
        graph.scalar(constant) === without &&
        (graph.rank(constant) === 0 || (rank !== null && rank >= (graph.rank(constant) ?? 0)))
      );
    };
    const output = node.outputs[0] ?? '';
    if (drops(a, b)) return write.same(output, a);
    const commutes = node.op === 'Mul' || node.op === 'Add';
    return commutes && drops(b, a) && write.same(output, b);
  },
};

const transposes: Rule = {
  name: 'transpose-pair',
  matches: 'Transpose of a Transpose',
  writes: 'one Transpose',
  roots: ['Transpose'],
  rewrite(node, write) {
    const inner = write.graph.producer(write.graph.input(node, 0));
    const outer = numbersOf(node, 'perm');
    if (inner === null || operatorOf(inner) !== 'Transpose' || outer === null) return false;
    const before = numbersOf(inner, 'perm');
    if (before === null || ![before, outer].every((p) => isPermutation(p, outer.length))) {
      return false;
    }
    const perm = outer.map((axis) => before[axis] ?? 0);
    return write.into(node.outputs[0] ?? '', 'Transpose', [write.graph.input(inner, 0)], { perm });
  },
};

/** Operators whose results differ from call to call. */
const RANDOM = /^(Random|Bernoulli|Multinomial|Dropout|Constant$)/;

function keyOf(node: OnnxNode, write: Writer): string | null {
  if (RANDOM.test(node.op)) return null;
  const parts: unknown[] = [operatorOf(node), node.inputs.map((name) => write.graph.resolve(name))];
  for (const [name, value] of [...node.attributes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (isGraph(value)) return null;
    if (isTensor(value)) {
      if (value.data.length > 64) return null;
      parts.push(name, value.dtype, value.dims, Array.from(value.data, String));
    } else parts.push(name, value);
  }
  return JSON.stringify(parts);
}

const twins: Rule = {
  name: 'same-computation',
  matches: 'two nodes with equal inputs and attributes',
  writes: 'one node',
  roots: ['*'],
  rewrite(node, write) {
    const key = keyOf(node, write);
    if (key === null || node.outputs.some((output) => write.graph.isOutput(output))) return false;
    const twin = write.pass.get(key);
    if (twin === undefined || twin.outputs.length < node.outputs.length) {
      write.pass.set(key, node);
      return false;
    }
    if (node.outputs.some((output, index) => output !== '' && twin.outputs[index] === ''))
      return false;
    node.outputs.forEach((output, index) => {
      if (output !== '') write.same(output, twin.outputs[index] ?? '');
    });
    return true;
  },
};

export const CONTAINER_RULES: readonly Rule[] = [
  constant,
  identity,
  dropout,
  cast,
  layout,
  transposes,
  neutral,
  twins,
];
