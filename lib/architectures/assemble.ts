/**
 * The graph of an encoder with a head, from a family's plan: the same steps for every family.
 *
 * Weights are called exactly as transformers calls them for the class that will be written: without the prefix in bare
 * encoders, with it below a head.
 */

import { GraphBuilder } from '../graph/builder.js';
import type { Task } from '../graph/checkpoint.js';
import { addSentenceHead, type SentenceHead } from '../graph/sentence.js';
import type { EncoderGraph } from '../graph/types.js';
import type { EncoderPlan, Family, HeadPlan, HeadTask, Transform } from './family.js';

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
  const { task } = wish;
  const hidden = plan.build(b, task === 'embedding' ? '' : prefix);
  if (task === 'embedding') {
    if (wish.sentence !== null) addSentenceHead(b, wish.sentence, hidden);
    if (wish.pooler && plan.pooler !== null) addPooler(b, plan, '', hidden);
  } else {
    const head = plan.heads[task] as HeadPlan;
    const input = addTransform(b, head.transform, headRows(b, plan, head, prefix, hidden));
    const dropped = head.dropout === undefined ? input : b.dropout(head.dropout, input, DROPPED);
    b.output('logits', addLast(b, plan, prefix, task, wish.labels, dropped));
  }
  const { vocabulary, segments } = plan;
  return b.finish({ architecture: modelType, maxTokens: wish.maxTokens, vocabulary, segments });
}

const DROPPED = 'head.dropped';

/** tanh(linear(first token)): what BertModel calls pooler_output. */
function addPooler(b: GraphBuilder, plan: EncoderPlan, prefix: string, hidden: string): string {
  const first = b.pool('cls', hidden, 'pooler.first');
  const module = {
    name: `${prefix}${plan.pooler}`,
    inputs: plan.hidden,
    outputs: plan.hidden,
  };
  const pooled = b.linear([module], 'tanh', first, 'pooled');
  b.output('pooled', pooled);
  return pooled;
}

function headRows(
  b: GraphBuilder,
  plan: EncoderPlan,
  { rows }: HeadPlan,
  prefix: string,
  hidden: string,
): { value: string; width: number } {
  const width = plan.hidden;
  if (rows === 'pooler') return { value: addPooler(b, plan, prefix, hidden), width };
  if (rows === 'token') return { value: hidden, width };
  if (rows === 'selected') return { value: b.select(hidden, 'head.rows'), width };
  return { value: b.pool(rows, hidden, 'head.rows'), width };
}

function addTransform(
  b: GraphBuilder,
  transform: Transform | undefined,
  { value, width: inputs }: { value: string; width: number },
): string {
  if (transform === undefined) return value;
  const { name, width: outputs, activation, dropout, bias = true, norm } = transform;
  const input = dropout === undefined ? value : b.dropout(dropout, value, 'head.rows.dropped');
  const dense = b.linear([{ name, inputs, outputs, bias }], activation, input, 'head.dense');
  if (norm === undefined) return dense;
  const form = norm.bias === undefined ? {} : { bias: norm.bias };
  return b.norm(norm.name, outputs, norm.epsilon, dense, null, 'head.norm', form);
}

function addLast(
  b: GraphBuilder,
  plan: EncoderPlan,
  prefix: string,
  task: HeadTask,
  labels: number,
  input: string,
): string {
  const { output, transform, bias } = plan.heads[task] as HeadPlan;
  const inputs = transform?.width ?? plan.hidden;
  if (task !== 'masked-lm') {
    const outputs = task === 'question-answering' ? 2 : labels;
    return b.linear([{ name: output, inputs, outputs }], 'none', input, 'logits');
  }
  const name = plan.untied ? `${output}.weight` : prefix + plan.tokens.name;
  const biases = bias === null ? [] : [bias ?? `${output}.bias`];
  return b.product([{ name, inputs, outputs: plan.vocabulary }], biases, 'none', input, 'logits');
}
