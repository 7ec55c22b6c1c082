/**
 * Builds the graph of an encoder with a head from a family's plan, with the same steps for every family.
 *
 * Weights have exactly the names that transformers has for the class that will be written: without the family's prefix in
 * bare encoders, with it if there is a head.
 */

import { GraphBuilder } from '../graph/builder.js';
import type { Task } from '../graph/checkpoint.js';
import { addHead, addPooler, type HeadPlan } from '../graph/rewrite/head.js';
import { addSentenceHead, type SentenceHead } from '../graph/sentence.js';
import type { EncoderGraph } from '../graph/types.js';
import type { EncoderPlan, Family } from './family.js';

export interface GraphWish {
  readonly task: Task;
  /** classification and token-classification: the number of labels. */
  readonly labels: number;
  /** embedding: whether the graph has the encoder's pooler. */
  readonly pooler: boolean;
  /** embedding: the steps that make the sentence vector; null: no sentence vector. */
  readonly sentence: SentenceHead | null;
  readonly maxTokens: number;
}

/** The graph for `wish`. `plan` must have a head for the task. */
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
