/**
 * FunctionProto: reads the functions of a model, sorts their nodes and bounds their size when inlined.
 *
 * A function may call others but never itself; functions whose calls double the nodes at each level must not exceed the limit
 * of nodes.
 */

import { scanFields, type WireSource, type WireSpan } from '../../wire-reader.js';
import {
  type Attribute,
  isGraph,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxNode,
} from '../model.js';
import { readAttribute } from './attribute.js';
import type { ParseContext } from './context.js';
import { checkLimit, expectBytes, textOf } from './fields.js';
import { plainDomain, readGraph, readNode } from './graph.js';
import { MAX_LIST, MAX_PARTS } from './limits.js';
import { readOpset } from './opset.js';
import { sortWithin } from './order.js';

/** Reads the FunctionProto at `item`. */
export function readFunction(
  context: ParseContext,
  source: WireSource,
  item: WireSpan,
): OnnxFunction {
  const { begin, end } = expectBytes(context, item);
  context.parts.take(1, item.offset);
  const texts = { name: '', domain: '', overload: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: string[] = [];
  const defaults = new Map<string, Attribute>();
  const nodes: OnnxNode[] = [];
  const opsets = new Map<string, number>();
  for (const part of scanFields(source, begin, end)) {
    checkLimit(context, part, inputs.length + outputs.length + attributes.length, MAX_LIST);
    if (part.field === 1) texts.name = textOf(context, source, part);
    else if (part.field === 4) inputs.push(textOf(context, source, part));
    else if (part.field === 5) outputs.push(textOf(context, source, part));
    else if (part.field === 6) attributes.push(textOf(context, source, part));
    else if (part.field === 7) nodes.push(readNode(context, source, part, 0));
    else if (part.field === 9) readOpset(context, source, part, opsets);
    else if (part.field === 10) texts.domain = textOf(context, source, part);
    else if (part.field === 11) {
      const [key, value] = readAttribute(context, source, part, texts.name, 0, readGraph);
      defaults.set(key, value);
    } else if (part.field === 13) texts.overload = textOf(context, source, part);
  }
  const name = texts.overload === '' ? texts.name : `${texts.name}:${texts.overload}`;
  const domain = plainDomain(texts.domain);
  const sorted = sortWithin(context, nodes, new Set(inputs), new Set());
  const made = new Set([...inputs, ...sorted.flatMap((node) => node.outputs)]);
  const missing = outputs.find((output) => !made.has(output));
  if (missing !== undefined) {
    throw context.corrupt('graph', `function ${name}: the output ${missing} is made by no node`, {
      node: name,
      tensor: missing,
    });
  }
  return { domain, name, inputs, outputs, nodes: sorted, attributes, defaults, opsets };
}

/** `domain::name` of a node's operator or of a function. */
function keyOf(item: { readonly domain: string; readonly op: string }): string {
  return `${item.domain}::${item.op}`;
}

/**
 * Throws CORRUPT_MODEL for a function that calls itself or is defined twice, and for functions that grow too large when
 * inlined.
 */
export function checkFunctions(
  context: ParseContext,
  functions: readonly OnnxFunction[],
  graph: OnnxGraph,
): void {
  const byKey = new Map<string, OnnxFunction>();
  for (const item of functions) {
    const key = keyOf({ domain: item.domain, op: item.name });
    if (byKey.has(key))
      throw context.corrupt('graph', `function ${key} is there twice`, { node: key });
    byKey.set(key, item);
  }
  const sizes = new Map<string, number>();
  const active = new Set<string>();
  const sizeOf = (nodes: readonly OnnxNode[]): number => {
    let size = 0;
    for (const node of nodes) {
      size += 1 + callSize(keyOf(node));
      for (const value of node.attributes.values()) if (isGraph(value)) size += sizeOf(value.nodes);
    }
    return size;
  };
  const callSize = (key: string): number => {
    const callee = byKey.get(key);
    if (!callee) return 0;
    if (active.has(key)) {
      throw context.corrupt('graph', `function ${key} calls itself`, { node: key });
    }
    let size = sizes.get(key);
    if (size === undefined) {
      if (active.size >= MAX_CALLS)
        throw context.corrupt('limits', `calls deeper than ${MAX_CALLS}`);
      active.add(key);
      size = sizeOf(callee.nodes);
      active.delete(key);
      sizes.set(key, size);
    }
    return size;
  };
  const total = [...byKey.keys()].reduce(
    (sum, key) => Math.max(sum, callSize(key)),
    sizeOf(graph.nodes),
  );
  if (total > MAX_PARTS) {
    throw context.corrupt('limits', `its functions inlined have more than ${MAX_PARTS} nodes`);
  }
}

/** Largest depth of calls inside calls. */
const MAX_CALLS = 64;
