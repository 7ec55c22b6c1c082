/**
 * GraphProto, NodeProto and ValueInfoProto: reads nodes in the order of the file; order.ts sorts and checks them.
 *
 * An initializer that the file lists as an input too is not an input of the result.
 */

import { scanFields, type WireSource, type WireSpan } from '../../wire-reader.js';
import type { Attribute, Initializer, OnnxGraph, OnnxNode, ValueInfo } from '../model.js';
import { readAttribute } from './attribute.js';
import type { ParseContext } from './context.js';
import { dtypeOf } from './dtypes.js';
import { checkLimit, expectBytes, intOf, textOf } from './fields.js';
import { MAX_LIST, MAX_RANK } from './limits.js';
import { sortNodes } from './order.js';
import { readTensor } from './tensor.js';

interface Extent {
  readonly begin: number;
  readonly end: number;
}

/** Reads the GraphProto at `extent`; `nesting` is 0 for the model's own graph. Nodes are not sorted yet. */
export function readGraph(
  context: ParseContext,
  source: WireSource,
  extent: Extent,
  nesting: number,
): OnnxGraph {
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, Initializer>();
  const inputs: ValueInfo[] = [];
  const outputs: ValueInfo[] = [];
  for (const item of scanFields(source, extent.begin, extent.end)) {
    if (item.field === 1) nodes.push(readNode(context, source, item, nesting));
    else if (item.field === 2) name = textOf(context, source, item);
    else if (item.field === 5) addInitializer(context, source, item, initializers);
    else if (item.field === 11) inputs.push(readValue(context, source, item, nesting));
    else if (item.field === 12) outputs.push(readValue(context, source, item, nesting));
    else if (item.field === 15) {
      throw context.unsupported('sparse initializers', { byteOffset: item.offset });
    }
  }
  const fed = inputs.filter((input) => !initializers.has(input.name));
  return { name, nodes, initializers, inputs: fed, outputs };
}

function addInitializer(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  initializers: Map<string, Initializer>,
): void {
  const tensor = readTensor(context, source, expectBytes(context, item), 'without a name');
  const { name } = tensor;
  const place = { tensor: name, byteOffset: item.offset };
  if (name === '') throw context.corrupt('graph', 'an initializer has no name', place);
  if (initializers.has(name)) {
    throw context.corrupt('graph', `initializer ${name} is there twice`, place);
  }
  initializers.set(name, tensor);
}

/** Reads the NodeProto at `item`. */
export function readNode(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  nesting: number,
): OnnxNode {
  const { begin, end } = expectBytes(context, item);
  context.parts.take(1, item.offset);
  const texts = { name: '', op: '', domain: '', overload: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributeSpans: WireSpan[] = [];
  for (const part of scanFields(source, begin, end)) {
    checkLimit(context, part, inputs.length + outputs.length + attributeSpans.length, MAX_LIST);
    if (part.field <= 2) context.parts.takeName(part.offset);
    if (part.field === 1) inputs.push(textOf(context, source, part));
    else if (part.field === 2) outputs.push(textOf(context, source, part));
    else if (part.field === 3) texts.name = textOf(context, source, part);
    else if (part.field === 4) texts.op = textOf(context, source, part);
    else if (part.field === 5) attributeSpans.push(part);
    else if (part.field === 7) texts.domain = textOf(context, source, part);
    else if (part.field === 8) texts.overload = textOf(context, source, part);
  }
  if (texts.op === '') {
    throw context.corrupt('parse', `a node without an operator at byte ${item.offset}`, {
      byteOffset: item.offset,
    });
  }
  const owner = texts.name || outputs[0] || texts.op;
  const attributes = new Map<string, Attribute>();
  for (const span of attributeSpans) {
    const [key, value] = readAttribute(context, source, span, owner, nesting, readGraph);
    attributes.set(key, value);
  }
  const { name } = texts;
  const op = texts.overload === '' ? texts.op : `${texts.op}:${texts.overload}`;
  return { op, domain: plainDomain(texts.domain), name, inputs, outputs, attributes };
}

/** The domain, with '' for both spellings of ONNX's own. */
export function plainDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function readValue(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
  nesting: number,
): ValueInfo {
  const { begin, end } = expectBytes(context, item);
  context.parts.take(1, item.offset);
  let name = '';
  let type: Extent | null = null;
  for (const part of scanFields(source, begin, end)) {
    if (part.field === 1) name = textOf(context, source, part);
    else if (part.field === 2) type = expectBytes(context, part);
  }
  const tensor = type && tensorType(context, source, type);
  if (tensor) return { name, ...tensor };
  if (nesting > 0) return { name, dtype: null, dims: null };
  throw context.unsupported(`${name} is not declared as a tensor`, { byteOffset: item.offset });
}

function tensorType(
  context: ParseContext,
  source: WireSource,
  extent: Extent,
): Omit<ValueInfo, 'name'> | null {
  for (const kind of scanFields(source, extent.begin, extent.end)) {
    if (kind.field !== 1) continue;
    const { begin, end } = expectBytes(context, kind);
    let dtype = dtypeOf(0);
    let dims: ValueInfo['dims'] = null;
    for (const part of scanFields(source, begin, end)) {
      if (part.field === 1) dtype = dtypeOf(intOf(context, part));
      else if (part.field === 2) dims = shapeOf(context, source, expectBytes(context, part));
    }
    return dtype === undefined ? null : { dtype, dims };
  }
  return null;
}

function shapeOf(
  context: ParseContext,
  source: WireSource,
  extent: Extent,
): (number | string | null)[] {
  const dims: (number | string | null)[] = [];
  for (const item of scanFields(source, extent.begin, extent.end)) {
    if (item.field !== 1) continue;
    checkLimit(context, item, dims.length + 1, MAX_RANK);
    const { begin, end } = expectBytes(context, item);
    let dim: number | string | null = null;
    for (const part of scanFields(source, begin, end)) {
      // Some exporters write -1 for an axis of any length.
      if (part.field === 1) dim = intOf(context, part) < 0 ? null : intOf(context, part);
      else if (part.field === 2) dim = textOf(context, source, part) || null;
    }
    dims.push(dim);
  }
  return dims;
}

/** Returns the graph with its nodes, and those of graphs inside them, in topological order. Throws CORRUPT_MODEL (graph). */
export function checkedGraph(context: ParseContext, graph: OnnxGraph): OnnxGraph {
  return sortNodes(context, graph, new Set());
}
