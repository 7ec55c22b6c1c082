/**
 * All operators of the reference evaluator, by domain. Any other operator is refused by name.
 */

import type { OnnxNode } from '../model.js';
import { ACTIVATIONS, MS_ACTIVATIONS } from './activations.js';
import { MS_ATTENTION } from './attention.js';
import { MS_BLOCK_QUANTIZED } from './block-quantized.js';
import type { Operator, OperatorTable } from './call.js';
import { einsum } from './einsum.js';
import { ELEMENTWISE } from './elementwise.js';
import { MS_EMBED } from './embed.js';
import { GENERATE } from './generate.js';
import { INDEXING } from './indexing.js';
import { MS_NORM, NORM } from './norm.js';
import { MS_ROTARY, ONNX_ATTENTION } from './onnx-attention.js';
import { MS_PRODUCT, PRODUCT } from './product.js';
import { MS_QUANTIZE, QUANTIZE } from './quantize.js';
import { MS_QUANTIZED_PRODUCT, QUANTIZED_PRODUCT } from './quantized-product.js';
import { REDUCE } from './reduce.js';
import { STRUCTURE } from './structure.js';

const ONNX: OperatorTable = {
  ...ACTIVATIONS,
  ...ELEMENTWISE,
  ...GENERATE,
  ...INDEXING,
  ...NORM,
  ...ONNX_ATTENTION,
  ...PRODUCT,
  ...QUANTIZE,
  ...QUANTIZED_PRODUCT,
  ...REDUCE,
  ...STRUCTURE,
  Einsum: einsum,
};

const MICROSOFT: OperatorTable = {
  ...MS_ACTIVATIONS,
  ...MS_ATTENTION,
  ...MS_BLOCK_QUANTIZED,
  ...MS_EMBED,
  ...MS_NORM,
  ...MS_PRODUCT,
  ...MS_QUANTIZE,
  ...MS_QUANTIZED_PRODUCT,
  ...MS_ROTARY,
};

const DOMAINS: Readonly<Record<string, OperatorTable>> = { '': ONNX, 'com.microsoft': MICROSOFT };

/** The function of a node's operator; undefined for an unknown one. The evaluator itself runs `If`. */
export function operatorOf(node: OnnxNode): Operator | undefined {
  const table = Object.hasOwn(DOMAINS, node.domain) ? DOMAINS[node.domain] : undefined;
  return table && Object.hasOwn(table, node.op) ? table[node.op] : undefined;
}

/** `Op` or `domain::Op`, as messages show it. */
export function operatorName(node: OnnxNode): string {
  return node.domain === '' ? node.op : `${node.domain}::${node.op}`;
}
