/**
 * Small graphs for tests of one rule: built by hand, computed before and after it, and compared.
 */

import type {
  Attribute,
  Dtype,
  Initializer,
  Numbers,
  OnnxGraph,
  OnnxNode,
  Tensor,
} from '../../../../lib/formats/onnx/import/model.js';
import { Draft } from '../../../../lib/formats/onnx/import/plain/draft.js';
import { PLAIN_OPSETS } from '../../../../lib/formats/onnx/import/plain/plain-model.js';
import type { Rule } from '../../../../lib/formats/onnx/import/plain/rule.js';
import { applyRules } from '../../../../lib/formats/onnx/import/plain/to-plain.js';
import { evaluate } from '../../../../lib/formats/onnx/import/reference/evaluate.js';

/** Reproducible numbers between -1 and 1. */
export function randomNumbers(count: number, seed: number): Float32Array {
  let state = seed >>> 0 || 1;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const size = (dims: readonly number[]) => dims.reduce((a, b) => a * b, 1);

export function floats(dims: readonly number[], seed: number): Tensor {
  return { dtype: 'float32', dims, data: randomNumbers(size(dims), seed) };
}

export function tensor(dtype: Dtype, dims: readonly number[], values: readonly number[]): Tensor {
  const make: Partial<Record<Dtype, (v: readonly number[]) => Numbers>> = {
    float32: (v) => Float32Array.from(v),
    float16: (v) => Float32Array.from(v),
    bfloat16: (v) => Float32Array.from(v),
    int8: (v) => Int8Array.from(v),
    int4: (v) => Int8Array.from(v),
    int32: (v) => Int32Array.from(v),
    uint8: (v) => Uint8Array.from(v),
    uint4: (v) => Uint8Array.from(v),
    bool: (v) => Uint8Array.from(v),
  };
  return { dtype, dims, data: make[dtype]?.(values) ?? Float64Array.from(values) };
}

export const scalar = (value: number) => tensor('float32', [], [value]);
export const ints = (...values: number[]) => tensor('int64', [values.length], values);

/** Integers of `dtype` over its whole range. */
export function codes(
  dtype: 'int8' | 'uint8' | 'int4' | 'uint4',
  dims: readonly number[],
  seed: number,
): Tensor {
  const range = { int8: [-127, 127], uint8: [0, 255], int4: [-8, 7], uint4: [0, 15] }[dtype];
  const [low = 0, high = 0] = range;
  const values = Array.from(randomNumbers(size(dims), seed), (x) =>
    Math.round(low + ((x + 1) / 2) * (high - low)),
  );
  return tensor(dtype, dims, values);
}

export function initializer(name: string, value: Tensor): Initializer {
  return { name, dtype: value.dtype, dims: value.dims, read: () => value };
}

/** outputs (several between commas), operator (`domain::Op`), inputs ('' for none), attributes. */
export type NodeText = readonly [
  outputs: string,
  op: string,
  inputs: readonly string[],
  attributes?: Readonly<Record<string, Attribute>>,
];

export interface SmallGraph {
  readonly feeds: Readonly<Record<string, Tensor>>;
  /** A number or null in place of an axis of an input; default: all of its lengths are unknown. */
  readonly shapes?: Readonly<Record<string, readonly (number | string | null)[] | null>>;
  readonly constants?: Readonly<Record<string, Tensor>>;
  readonly nodes: readonly NodeText[];
  readonly outputs: readonly string[];
}

export function node([outputs, op, inputs, attributes = {}]: NodeText): OnnxNode {
  const [domain = '', name = ''] = op.includes('::') ? op.split('::') : ['', op];
  return {
    op: name,
    domain,
    name: '',
    inputs,
    outputs: outputs.split(','),
    attributes: new Map(Object.entries(attributes)),
  };
}

export function graphOf(small: SmallGraph): OnnxGraph {
  return {
    name: 'small',
    nodes: small.nodes.map(node),
    initializers: new Map(
      Object.entries(small.constants ?? {}).map(([name, value]) => [
        name,
        initializer(name, value),
      ]),
    ),
    inputs: Object.entries(small.feeds).map(([name, { dtype, dims }]) => ({
      name,
      dtype,
      dims:
        small.shapes?.[name] === undefined ? dims.map(() => null) : (small.shapes[name] ?? null),
    })),
    outputs: small.outputs.map((name) => ({ name, dtype: 'float32' as const, dims: null })),
  };
}

export interface Rewritten {
  readonly graph: OnnxGraph;
  readonly draft: Draft;
  /** Operators that are left, `domain::Op` outside ONNX. */
  readonly operators: readonly string[];
  readonly count: number;
  /** Largest difference between the outputs before and after. */
  readonly apart: number;
}

/** Applies rules to a graph and computes both. `opset` is that of the graph before. */
export async function rewrite(
  small: SmallGraph,
  rules: readonly Rule[],
  opset = 23,
): Promise<Rewritten> {
  const before = graphOf(small);
  const draft = new Draft(before);
  const applied = applyRules(draft, rules);
  const graph = draft.toGraph();
  const feeds = new Map(Object.entries(small.feeds));
  const old = new Map([...PLAIN_OPSETS, ['com.microsoft', 1] as const, ['', opset] as const]);
  const wanted = await evaluate({ graph: before, opsets: old }, feeds);
  const got = await evaluate({ graph, opsets: new Map([...old, ...PLAIN_OPSETS]) }, feeds);
  let apart = 0;
  for (const [name, want] of wanted) {
    const have = got.get(name);
    if (have === undefined || have.dims.join() !== want.dims.join()) {
      throw new Error(`${name}: [${have?.dims}] where [${want.dims}] was`);
    }
    want.data.forEach((x, i) => {
      const y = have.data[i] ?? Number.NaN;
      if (!Object.is(x, y))
        apart = Math.max(apart, Number.isNaN(x - y) ? Infinity : Math.abs(x - y));
    });
  }
  return {
    graph,
    draft,
    operators: graph.nodes.map((n) => (n.domain === '' ? n.op : `${n.domain}::${n.op}`)),
    count: applied.reduce((sum, rule) => sum + rule.count, 0),
    apart,
  };
}
