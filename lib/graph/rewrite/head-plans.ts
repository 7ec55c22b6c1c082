/**
 * Head plans for an encoder that no family describes: one recovered from a file without names, or a pruned one.
 *
 * They are the plainest forms: one product over pooled rows or tokens, and for a masked language model BERT's transform and
 * the token table.
 */

import type { EncoderGraph, PoolKind } from '../types.js';
import { validateGraph } from '../validate.js';
import type { HeadPlan, HeadPlans } from './head.js';

/** Dropout before the last product, as in BERT. */
const DROPOUT = 0.1;
/** Standard deviation of new matrices, as in BERT. */
const DEVIATION = 0.02;
/** Epsilon of the norm in BERT's transform. */
const EPSILON = 1e-12;

/** Head plans for the encoder `graph`. `pooling`: how a classifier pools tokens. Default: mean. */
export function defaultPlans(graph: EncoderGraph, pooling: PoolKind = 'mean'): HeadPlans {
  const masked = maskedHead(graph);
  return {
    heads: {
      classification: { rows: pooling, dropout: DROPOUT, output: 'classifier' },
      'token-classification': { rows: 'token', dropout: DROPOUT, output: 'classifier' },
      'question-answering': { rows: 'token', output: 'qa_outputs' },
      ...(masked === null ? {} : { 'masked-lm': masked }),
    },
    prefix: '',
    pooler: null,
    untied: false,
    positions: positionsOf(graph),
    init: () => ({ deviation: DEVIATION }),
  };
}

/** The head of a masked LM; null if the token table is not as wide as the layers. */
function maskedHead(graph: EncoderGraph): HeadPlan | null {
  const width = validateGraph(graph).get(graph.outputs.hidden ?? '')?.width ?? 0;
  const tables = graph.nodes.flatMap((node) => (node.op === 'embedding' ? node.tables : []));
  const tokens = tables.find(({ index }) => index === 'token')?.weight;
  const shape = graph.weights.find(({ name }) => name === tokens)?.shape;
  if (shape?.[1] !== width) return null;
  const at = 'lm_head';
  const norm = { name: `${at}.layer_norm`, epsilon: EPSILON };
  return {
    rows: 'selected',
    transform: { name: `${at}.dense`, width, activation: 'gelu', norm },
    output: `${at}.decoder`,
    bias: `${at}.bias`,
  };
}

/** The number of positions in the position tables; without such a table, the graph's `maxTokens`. */
function positionsOf(graph: EncoderGraph): number {
  const shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
  const limits = graph.nodes.flatMap((node) =>
    node.op !== 'embedding'
      ? []
      : node.tables
          .filter(({ index }) => index === 'position')
          .map(({ weight, offset }) => (shapes.get(weight)?.[0] ?? 0) - offset),
  );
  return limits.length === 0 ? graph.maxTokens : Math.min(...limits);
}
