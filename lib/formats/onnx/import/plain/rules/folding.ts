/**
 * Constant folding: nodes that depend on no input are computed by the reference evaluator.
 *
 * Not folded: lookups, norms and products of a float table (the import needs its weights), and casts of 8-bit weights (their
 * scale identifies them). An `If` with a constant condition becomes the branch that it takes.
 */

import { SinterError } from '../../../../../core/errors.js';
import { isGraph, type OnnxNode, type Tensor } from '../../model.js';
import { evaluateNode, foldable } from '../../reference/evaluate.js';
import { isFloat, operatorOf } from '../attributes.js';
import { PLAIN_OPSETS } from '../plain-model.js';
import type { Rule, Writer } from '../rule.js';

/** Largest result that is folded. MAX_TOTAL limits all results together. */
const MAX_ELEMENTS = 2 ** 22;
const MAX_TOTAL = 2 ** 24;
const MAX_WORK = 2 ** 24;
const MAX_CAST = 64;

/**
 * Operators that are not folded: quantization, random numbers, and layers, because a table that is normalised or projected
 * keeps its weights (DeBERTa's distances).
 */
const NEVER =
  /^(Quantize|Dequantize|DynamicQuantize|MatMul|QLinear|LayerNorm|RMSNorm|Gelu|Einsum|Random|Bernoulli|Multinomial|Dropout|Identity$)/;

function excluded(node: OnnxNode, write: Writer): boolean {
  if (node.domain !== '' || NEVER.test(node.op) || !foldable(node)) return true;
  const data = write.graph.initializer(write.graph.input(node, 0));
  if (data === null) return false;
  if (node.op === 'Gather') return isFloat(data.dtype) && data.dims.length >= 2;
  const elements = data.dims.reduce((a, b) => a * b, 1);
  return /^u?int[48]$/.test(data.dtype) && elements > MAX_CAST;
}

/** The constant inputs of a node (null entries for those left out); null when one is not constant or too large. */
function constants(node: OnnxNode, write: Writer): (Tensor | null)[] | null {
  const result: (Tensor | null)[] = [];
  let elements = 0;
  const found = node.inputs.map((_, index) => write.graph.input(node, index));
  for (const name of found) {
    const initializer = name === '' ? null : write.graph.initializer(name);
    if (name !== '' && initializer === null) return null;
    elements += initializer?.dims.reduce((a, b) => a * b, 1) ?? 0;
  }
  if (elements > MAX_ELEMENTS) return null;
  for (const name of found) result.push(write.graph.initializer(name)?.read() ?? null);
  return result;
}

const fold: Rule = {
  name: 'constant-folding',
  matches: 'a node whose inputs are all initializers',
  writes: 'initializers',
  roots: ['*'],
  rewrite(node, write) {
    const { graph } = write;
    if (node.outputs.some((output) => graph.isOutput(output)) || excluded(node, write))
      return false;
    if (node.inputs.length === 0 && node.op !== 'Range') return false;
    const inputs = constants(node, write);
    if (inputs === null) return false;
    const resolved = {
      ...node,
      inputs: node.inputs.map((name) => (name === '' ? '' : graph.resolve(name))),
    };
    if (graph.folded > MAX_TOTAL) return false;
    const results = computed(resolved, inputs);
    if (results === null) return false;
    for (const result of results) graph.folded += result?.data.length ?? 0;
    node.outputs.forEach((name, index) => {
      const tensor = results[index];
      if (name === '' || !tensor) return;
      graph.addInitializer({ name, dtype: tensor.dtype, dims: tensor.dims, read: () => tensor });
    });
    return true;
  },
};

/** Results of the node; null where the evaluator refuses: the verification will report why. */
function computed(
  node: OnnxNode,
  inputs: readonly (Tensor | null)[],
): readonly (Tensor | null)[] | null {
  try {
    return evaluateNode(node, inputs, PLAIN_OPSETS.get('') ?? 0, {
      maxElements: MAX_ELEMENTS,
      maxMultiplyAdds: MAX_WORK,
    });
  } catch (error) {
    if (error instanceof SinterError) return null;
    throw error;
  }
}

const branch: Rule = {
  name: 'constant-branch',
  matches: 'If with a constant condition',
  writes: 'the nodes of the branch',
  roots: ['If'],
  rewrite(node, write) {
    const { graph } = write;
    const condition = graph.scalar(graph.input(node, 0));
    const body = node.attributes.get(condition === 0 ? 'else_branch' : 'then_branch');
    if (condition === null || !isGraph(body)) return false;
    for (const initializer of body.initializers.values()) graph.addInitializer(initializer);
    for (const inner of body.nodes) graph.emit(inner);
    node.outputs.forEach((output, index) => {
      const from = body.outputs[index]?.name;
      if (output !== '' && from !== undefined) graph.alias(output, from);
    });
    return true;
  },
};

const noInput: Rule = {
  name: 'constant-shape',
  matches: 'Shape or Size of a value whose axes are all known',
  writes: 'an initializer',
  roots: ['Shape', 'Size'],
  rewrite(node, write) {
    const { graph } = write;
    const dims = graph.fact(graph.input(node, 0)).dims;
    const plain = !node.attributes.has('start') && !node.attributes.has('end');
    if (dims === null || !plain || graph.isOutput(node.outputs[0] ?? '')) return false;
    const lengths = dims.filter((length) => length !== null);
    if (lengths.length !== dims.length) return false;
    const size = lengths.reduce((a, b) => a * b, 1);
    return write.same(
      node.outputs[0] ?? '',
      operatorOf(node) === 'Size' ? write.int(size) : write.ints(lengths),
    );
  },
};

export const FOLDING_RULES: readonly Rule[] = [noInput, fold, branch];
