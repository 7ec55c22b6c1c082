/**
 * Where the weights of a graph are in a checkpoint: with which prefix the encoder is stored, whether the head is there, and
 * how what is missing begins.
 *
 * Files from TensorFlow days call LayerNorm's weight and bias gamma and beta.
 */

import type { Checkpoint, NewWeight, Task } from '../graph/checkpoint.js';
import type { WeightSpec } from '../graph/types.js';
import { type EncoderPlan, type Family, type HeadPlan, taskOfClass } from './family.js';
import type { WeightNaming } from './weight-sources.js';

/** `none`: the graph has no head; `new`: its last product is drawn. */
export type HeadState = 'none' | 'new' | 'trained';

/** The file's own prefix: checkpoints of bare encoders have none. */
export function storedPrefix({ tensors }: Checkpoint, family: Family, plan: EncoderPlan): string {
  return tensors.has(family.prefix + plan.tokens.name) ? family.prefix : '';
}

/** The tensor that a trained head has, and rows of its last product; null when the checkpoint is for another task. */
export function trainedRows(
  { tensors, config }: Checkpoint,
  family: Family,
  task: Task,
  tensor: string,
): number | null {
  const [name] = Array.isArray(config.architectures) ? config.architectures : [];
  const stated = taskOfClass(family, name);
  if (stated !== null && stated !== 'embedding' && stated !== task) return null;
  return tensors.get(tensor)?.shape[0] ?? null;
}

/** The tensor whose presence shows a trained head: names that several heads share do not. */
export function tellingTensor(plan: EncoderPlan, head: HeadPlan, task: Task): string {
  if (task !== 'masked-lm' || plan.untied) return `${head.output}.weight`;
  return `${head.transform?.name ?? head.output}.weight`;
}

/** `sentence`: names of the modules after the pooling, which are stored under their own names. */
export function namingOf(
  family: Family,
  plan: EncoderPlan,
  head: HeadPlan | null,
  state: HeadState,
  stored: string,
  sentence: readonly string[],
): WeightNaming {
  const own = head === null ? '' : family.prefix;
  const isSentence = (name: string) => sentence.some((module) => name.startsWith(`${module}.`));
  const isHead = (name: string) => head !== null && !name.startsWith(own);
  const isPooler = (name: string) => plan.pooler !== null && name.startsWith(own + plan.pooler);
  const isLast = (name: string) =>
    name === `${head?.output}.weight` || name === (head?.bias ?? `${head?.output}.bias`);
  return {
    candidates(name) {
      if (isSentence(name)) return [name];
      if (!isHead(name)) return withLegacy(stored + name.slice(own.length));
      if (isLast(name) && state === 'new') return [];
      const alias = name === head?.bias ? [`${head.output}.bias`] : [];
      return [...withLegacy(name), ...alias];
    },
    init({ name, shape }: WeightSpec): NewWeight['init'] | null {
      if (state !== 'new' || !(isHead(name) || isPooler(name))) return null;
      if (name.endsWith('bias')) return { kind: 'zero' };
      return shape.length === 1 ? { kind: 'one' } : { kind: 'normal', ...plan.init(name) };
    },
  };
}

function withLegacy(name: string): readonly string[] {
  const legacy = name
    .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
    .replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
  return legacy === name ? [name] : [name, legacy];
}
