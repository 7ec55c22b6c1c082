/**
 * Fused operators that sum embeddings and normalize the sum, with float or quantized tables.
 */

import type { Tensor } from '../model.js';
import type { Call, Operator, OperatorTable } from './call.js';
import { zip } from './elementwise.js';
import { gathered } from './indexing.js';
import { normalized } from './norm.js';
import { dequantized } from './quantize.js';

interface Tables {
  readonly word: Tensor;
  readonly position: Tensor;
  readonly segment: Tensor | null;
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly positions: Tensor | null;
  readonly mask: Tensor | null;
}

function embedded(call: Call, tables: Tables): readonly Tensor[] {
  const ids = call.input(0);
  const segments = call.optional(1);
  const [batch = 0, tokens = 0] = ids.dims;
  const positions = tables.positions ?? firstPositions(call, batch, tokens);
  const add = (x: number, y: number) => x + y;
  const rows = (table: Tensor, indices: Tensor) => gathered(call, table, indices, 0);
  let sum = zip(call, 'float32', rows(tables.word, ids), rows(tables.position, positions), add);
  if (tables.segment && segments) {
    sum = zip(call, 'float32', sum, rows(tables.segment, segments), add);
  }
  const options = { axis: 2, epsilon: call.number('epsilon', Math.fround(1e-12)), rms: false };
  const { out } = normalized(call, sum, tables.gamma, tables.beta, options);
  return [out, lengths(call, tables.mask, batch), sum];
}

function firstPositions(call: Call, batch: number, tokens: number): Tensor {
  const out = call.make('int32', [batch, tokens]);
  for (let i = 0; i < out.data.length; i++) out.data[i] = i % tokens;
  return out;
}

/** Number of tokens of each text: the sum of its mask, 0 without one. */
function lengths(call: Call, mask: Tensor | null, batch: number): Tensor {
  const out = call.make('int32', [batch]);
  if (!mask) return out;
  const tokens = mask.data.length / batch;
  for (let i = 0; i < mask.data.length; i++) {
    const row = Math.floor(i / tokens);
    if (mask.data[i] === 1) out.data[row] = (out.data[row] as number) + 1;
  }
  return out;
}

const embedLayerNorm: Operator = (call) =>
  embedded(call, {
    word: call.input(2),
    position: call.input(3),
    segment: call.optional(4),
    gamma: call.input(5),
    beta: call.input(6),
    mask: call.optional(7),
    positions: call.optional(8),
  });

/** Inputs: tables 2 to 6, mask 7, scales 8 to 12, zero points 13 to 17. */
const qEmbedLayerNorm: Operator = (call) => {
  const table = (index: number) => {
    const [scale, zero] = [call.input(index + 6), call.optional(index + 11)];
    return dequantized(call, call.input(index), scale, zero, { axis: 0, blockSize: 0 });
  };
  const parts = embedded(call, {
    word: table(2),
    position: table(3),
    segment: call.optional(4) && table(4),
    gamma: table(5),
    beta: table(6),
    mask: call.optional(7),
    positions: null,
  });
  return parts.slice(0, 2);
};

export const MS_EMBED: OperatorTable = {
  EmbedLayerNormalization: embedLayerNorm,
  QEmbedLayerNormalization: qEmbedLayerNorm,
};
