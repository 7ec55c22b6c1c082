/**
 * Gives operators whose meaning depends on the version of the operator set a domain of their own, so that every later rule
 * may take '' to mean opset 18. Old versions with another spelling only (axes as attributes) are not marked.
 */

import { isGraph, type OnnxNode } from '../model.js';

/** Softmax, LogSoftmax and Hardmax before opset 13: over all axes from `axis` on, default 1. */
export const OLD_SOFTMAX_DOMAIN = 'ai.onnx.12';

const SOFTMAX = new Set(['Softmax', 'LogSoftmax', 'Hardmax']);

export function markOldOperators(nodes: readonly OnnxNode[], version: number): OnnxNode[] {
  return nodes.map((node) => {
    let marked = node;
    if (node.domain === 'ai.onnx') marked = { ...marked, domain: '' };
    if (marked.domain === '' && version !== 0 && version < 13 && SOFTMAX.has(node.op)) {
      marked = { ...marked, domain: OLD_SOFTMAX_DOMAIN };
    }
    if (![...node.attributes.values()].some(isGraph)) return marked;
    const attributes = new Map(node.attributes);
    for (const [key, value] of attributes) {
      if (isGraph(value))
        attributes.set(key, { ...value, nodes: markOldOperators(value.nodes, version) });
    }
    return { ...marked, attributes };
  });
}
