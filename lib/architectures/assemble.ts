/**
 * The graph of an encoder with a head, from a family's plan: the same steps for every family.
 *
 * Weights are called exactly as transformers calls them for the class that will be written: without the prefix in bare
 * encoders, with it below a head.
 */

import { GraphBuilder } from '../graph/builder.js';
import type { Task } from '../graph/checkpoint.js';
import { addHead, addPooler, type HeadPlan } from '../graph/rewrite/head.js';
import { addSentenceHead, type SentenceHead } from '../graph/sentence.js';
import type { EncoderGraph } from '../graph/types.js';
import type { EncoderPlan, Family } from './family.js';

export interface GraphWish {
  readonly task: Task;
  /** classification and token-classification: how many. */
  readonly labels: number;
  /** embedding: whether the encoder's pooler is there. */
  readonly pooler: boolean;
  /** embedding: how vectors are made; null: not at all. */
  readonly sentence: SentenceHead | null;
  readonly maxTokens: number;
}

/** `plan` must have a head for the task. */
export function assemble(
  { modelType, prefix }: Family,
  plan: EncoderPlan,
  wish: GraphWish,
): EncoderGraph {
  const b = new GraphBuilder();
  const { task, labels, maxTokens } = wish;
  const value = plan.build(b, task === 'embedding' ? '' : prefix);
  const { vocabulary, segments, hidden: width, untied } = plan;
  if (task === 'embedding') {
    if (wish.sentence !== null) addSentenceHead(b, wish.sentence, value);
    if (wish.pooler && plan.pooler !== null) addPooler(b, plan.pooler, width, value);
  } else {
    const pooler = plan.pooler === null ? null : prefix + plan.pooler;
    const tokens = { name: prefix + plan.tokens.name, rows: vocabulary };
    const base = { value, width, pooler, tokens, untied };
    addHead(b, base, plan.heads[task] as HeadPlan, task, labels);
  }
  return b.finish({ architecture: modelType, maxTokens, vocabulary, segments });
}
