/**
 * Makes all floats float32: initializers, tensors in attributes, inputs, outputs and the targets of Cast.
 *
 * 16-bit numbers widen exactly. Doubles are rounded, and those beyond float32 become its largest number: exporters write the
 * lowest double where they mean "minus infinity but finite", and an infinity would make NaN of a masked 0.
 */

import {
  type Attribute,
  type Initializer,
  isGraph,
  isTensor,
  type OnnxGraph,
  type OnnxNode,
  type Tensor,
  type ValueInfo,
} from '../model.js';
import { dtypeOfCode, FLOAT32_CODE, isFloat } from './attributes.js';

const LARGEST = 3.4028234663852886e38;

export function toFloat32(tensor: Tensor): Tensor {
  if (!isFloat(tensor.dtype) || tensor.dtype === 'float32') return tensor;
  const { dims, data } = tensor;
  if (data instanceof Float32Array) return { dtype: 'float32', dims, data };
  const clamp = (x: number) => (Number.isFinite(x) ? Math.min(Math.max(x, -LARGEST), LARGEST) : x);
  return { dtype: 'float32', dims, data: Float32Array.from(data, clamp) };
}

function wideInitializer(initializer: Initializer): Initializer {
  if (!isFloat(initializer.dtype) || initializer.dtype === 'float32') return initializer;
  const { name, dims, view } = initializer;
  return { name, dtype: 'float32', dims, view, read: () => toFloat32(initializer.read()) };
}

function wideValue(value: ValueInfo): ValueInfo {
  return isFloat(value.dtype) ? { ...value, dtype: 'float32' } : value;
}

/** Attributes whose value is a data type. */
const TYPE_ATTRIBUTES = ['to', 'dtype', 'output_dtype', 'stash_type', 'softmax_precision'];

function wideAttribute(name: string, value: Attribute): Attribute {
  if (isTensor(value)) return toFloat32(value);
  if (isGraph(value)) return floatTypes(value);
  if (typeof value === 'number' && TYPE_ATTRIBUTES.includes(name) && isFloat(dtypeOfCode(value))) {
    return FLOAT32_CODE;
  }
  return value;
}

function wideNode(node: OnnxNode): OnnxNode {
  const attributes = new Map<string, Attribute>();
  for (const [name, value] of node.attributes) attributes.set(name, wideAttribute(name, value));
  return { ...node, attributes };
}

/** The same graph in float32. */
export function floatTypes(graph: OnnxGraph): OnnxGraph {
  return {
    ...graph,
    nodes: graph.nodes.map(wideNode),
    initializers: new Map(
      [...graph.initializers].map(([name, value]) => [name, wideInitializer(value)]),
    ),
    inputs: graph.inputs.map(wideValue),
    outputs: graph.outputs.map(wideValue),
  };
}
