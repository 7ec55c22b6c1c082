/**
 * Lowers pool: from a token value to a sequence value, over real tokens only.
 *
 * Computed in f32: sums of hundreds of f16 numbers would lose digits.
 */

import type { NodeOf } from '../../graph/ops.js';
import { ATTENTION_MASK, type Lowering, type Lowerings } from './lowering.js';

function lowerPool(lowering: Lowering, node: NodeOf<'pool'>): void {
  const input = lowering.whole(node.input, 'float');
  const name = lowering.nameOf(node.output, 'float');
  pooled(lowering, node, input.name, name);
  lowering.set(node.output, 'sequence', name, input.width, 'float');
}

function pooled(
  lowering: Lowering,
  { kind, output }: NodeOf<'pool'>,
  input: string,
  name: string,
): void {
  const { builder } = lowering;
  switch (kind) {
    case 'cls':
      // The first token is always real: padding stands on the right.
      builder.node('Gather', [input, builder.int64(0)], name, { axis: { int: 1 } });
      break;
    case 'max': {
      // As in sentence-transformers: padding counts as -1e9.
      const real = builder.cast(lowering.tokenMask(), 'bool', builder.fresh(`${output}/real`));
      const kept = builder.step('Where', [real, input, builder.float32(-1e9)], `${output}/kept`);
      builder.reduce('ReduceMax', kept, 1, false, name);
      break;
    }
    case 'lasttoken':
      builder.node('GatherND', [input, lastTokens(lowering)], name, { batch_dims: { int: 1 } });
      break;
    case 'mean':
      weighted(lowering, lowering.tokenMask(), false, { input, output, name });
      break;
    case 'mean_sqrt_len_tokens':
      weighted(lowering, lowering.tokenMask(), true, { input, output, name });
      break;
    case 'weightedmean':
      weighted(lowering, positionWeights(lowering), false, { input, output, name });
      break;
  }
}

/** Writes the sum of weight * token, divided by the sum of the weights or by its square root. */
function weighted(
  lowering: Lowering,
  weights: string,
  root: boolean,
  {
    input,
    output,
    name,
  }: { readonly input: string; readonly output: string; readonly name: string },
): void {
  const { builder } = lowering;
  const kept = builder.step('Mul', [input, weights], `${output}/kept`);
  const sum = builder.reduce('ReduceSum', kept, 1, false, builder.fresh(`${output}/sum`));
  const count = builder.reduce('ReduceSum', weights, 1, false, builder.fresh(`${output}/count`));
  const divisor = builder.step('Max', [count, builder.float32(1e-9)], `${output}/divisor`);
  const last = root ? builder.step('Sqrt', [divisor], `${output}/root`) : divisor;
  builder.node('Div', [sum, last], name);
}

/** f32 [batch, sequence, 1]: 1, 2, 3 ... for real tokens, 0 for padding. */
function positionWeights(lowering: Lowering): string {
  const [name = ''] = lowering.once('position_weights', () => {
    const { builder } = lowering;
    const mask = lowering.tokenMask();
    const counted = builder.step('CumSum', [mask, builder.int64(1)], 'attention_mask/counted');
    return [builder.step('Mul', [counted, mask], 'attention_mask/position_weights')];
  });
  return name;
}

/** i64 [batch, 1]: the index of the last real token, 0 where there is none. */
function lastTokens(lowering: Lowering): string {
  const [name = ''] = lowering.once('last_tokens', () => {
    const { builder } = lowering;
    const count = builder.fresh('attention_mask/count');
    builder.reduce('ReduceSum', ATTENTION_MASK, 1, true, count);
    const last = builder.step('Sub', [count, builder.int64(1)], 'attention_mask/last');
    return [builder.step('Max', [last, builder.int64(0)], 'attention_mask/last_token')];
  });
  return name;
}

export const POOL_LOWERINGS = { pool: lowerPool } satisfies Partial<Lowerings>;
