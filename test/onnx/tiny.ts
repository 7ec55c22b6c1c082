/**
 * A hand-built graph: one table, one linear layer, every number chosen by the test.
 *
 * Small enough that the expected result of every position can be worked out on paper.
 */

import type { WeightSource } from '../../lib/formats/onnx/weights.js';
import type { ActivationBits, EncoderGraph, PoolKind, WeightDtype } from '../../lib/graph/types.js';
import { weightSource } from './support.js';

export interface TinyOptions {
  readonly vocabulary: number;
  readonly width: number;
  readonly outputs: number;
  readonly dtype?: WeightDtype;
  readonly activationBits?: ActivationBits;
  readonly pool?: PoolKind;
  readonly normalize?: boolean;
}

/** hidden = table[id] W^T; with `pool`, embedding = pool(hidden), normalised when asked for. */
export function tinyGraph(options: TinyOptions): EncoderGraph {
  const { vocabulary, width, outputs, dtype = 'f32', pool, normalize = false } = options;
  const { activationBits = 8 } = options;
  const pooling: EncoderGraph['nodes'] = pool
    ? [{ op: 'pool', kind: pool, input: 'wide', output: 'pooled' }]
    : [];
  const scaling: EncoderGraph['nodes'] = normalize
    ? [{ op: 'normalize', input: 'pooled', output: 'unit' }]
    : [];
  return {
    format: 1,
    architecture: 'tiny',
    maxTokens: 16,
    vocabulary,
    segments: 1,
    weights: [
      { name: 'table', shape: [vocabulary, width], dtype: 'f32' },
      { name: 'matrix', shape: [outputs, width], dtype },
    ],
    nodes: [
      {
        op: 'embedding',
        output: 'rows',
        tables: [{ weight: 'table', index: 'token', offset: 0 }],
      },
      {
        op: 'linear',
        input: 'rows',
        weights: ['matrix'],
        biases: [],
        activation: 'none',
        activationBits,
        output: 'wide',
      },
      ...pooling,
      ...scaling,
    ],
    outputs: {
      hidden: 'wide',
      ...(pool && { embedding: normalize ? 'unit' : 'pooled' }),
    },
  };
}

/** The weights of a tiny graph. */
export function tinySource(
  graph: EncoderGraph,
  table: readonly number[],
  matrix: readonly number[],
): WeightSource {
  return weightSource(
    graph,
    new Map([
      ['table', Float32Array.from(table)],
      ['matrix', Float32Array.from(matrix)],
    ]),
  );
}
