/**
 * Finds the weights of a graph in a checkpoint: the prefix of the encoder, whether there is a trained head, and the initial
 * values of missing weights.
 *
 * Old files converted from TensorFlow call the weight and bias of LayerNorm gamma and beta.
 */

import type { Checkpoint, NewWeight, Task } from '../graph/checkpoint.js';
import type { HeadPlan } from '../graph/rewrite/head.js';
import { HEAD_TASKS, type HeadTask, taskRow } from '../graph/tasks.js';
import type { WeightSpec } from '../graph/types.js';
import { type EncoderPlan, type Family, statedTask } from './family.js';
import type { WeightNaming } from './weight-sources.js';

/** `none`: the graph has no head; `new`: its last product is initialised at random. */
export type HeadState = 'none' | 'new' | 'trained';

/** The prefix of the encoder's names in the checkpoint; checkpoints of bare encoders have none. */
export function storedPrefix({ tensors }: Checkpoint, family: Family, plan: EncoderPlan): string {
  return tensors.has(family.prefix + plan.tokens.name) ? family.prefix : '';
}

/** The head for a task that a checkpoint has or lacks. */
export interface FoundHead {
  /** Rows of the trained head's last product; null if there is no trained head. */
  readonly rows: number | null;
  /** A tensor that the class in config.json needs but the checkpoint lacks. */
  readonly missing: string | null;
  /** The task of another trained head in the checkpoint. */
  readonly other: string | null;
}

/**
 * Looks for a trained head for `task`. Heads of several tasks share names, so the class in config.json decides which task
 * the head is for. Heads of pretraining are ignored: dropping one loses nothing.
 */
export function findHead(
  { tensors, config }: Pick<Checkpoint, 'tensors' | 'config'>,
  plan: EncoderPlan,
  task: HeadTask,
): FoundHead {
  const telling = tellingTensor(plan, task);
  const rows = (telling === null ? undefined : tensors.get(telling)?.shape[0]) ?? null;
  const stated = statedTask(config);
  if (stated === task) return { rows, missing: rows === null ? telling : null, other: null };
  if (!isTrainedFor(stated)) return { rows, missing: null, other: null };
  const known = HEAD_TASKS.find((name) => name === stated);
  const theirs = known === undefined ? telling : tellingTensor(plan, known);
  const isThere = theirs !== null && tensors.has(theirs);
  return { rows: null, missing: null, other: isThere ? stated : null };
}

/**
 * Whether the stated task has a trained head that must not be dropped. Bare encoders and language models have none: other
 * models are trained from them.
 */
function isTrainedFor(stated: string | null): stated is string {
  return stated !== null && taskRow(stated)?.pretraining !== true;
}

/**
 * The tensor that tells whether there is a trained head; names that several heads share do not tell it. null: the family has
 * no such head.
 */
function tellingTensor(plan: EncoderPlan, task: HeadTask): string | null {
  const head = plan.heads[task];
  if (head === undefined) return null;
  if (task !== 'masked-lm' || plan.untied) return `${head.output}.weight`;
  return `${head.transform?.name ?? head.output}.weight`;
}

/** The wanted head; `replaced`: it replaces a trained one for the same task. */
export interface WishedHead {
  readonly task: Task;
  readonly state: HeadState;
  readonly replaced: boolean;
}

/** The names of weights in the checkpoint. `sentence`: names of the modules after the pooling, which keep their names. */
export function namingOf(
  family: Family,
  plan: EncoderPlan,
  head: HeadPlan | null,
  { task, state, replaced }: WishedHead,
  stored: string,
  sentence: readonly string[],
): WeightNaming {
  const own = head === null ? '' : family.prefix;
  const isSentence = (name: string) => sentence.some((module) => name.startsWith(`${module}.`));
  const isHead = (name: string) => head !== null && !name.startsWith(own);
  const isPooler = (name: string) => plan.pooler !== null && name.startsWith(own + plan.pooler);
  const isLast = (name: string) =>
    name === `${head?.output}.weight` || name === (head?.bias ?? `${head?.output}.bias`);
  // The last product of a masked LM usually is the token table, so a new head also replaces the rest of the old one.
  const isNew = (name: string) =>
    state === 'new' && (isLast(name) || (task === 'masked-lm' && replaced));
  return {
    candidates(name) {
      if (isSentence(name)) return [name];
      if (!isHead(name)) return withLegacy(stored + name.slice(own.length));
      if (isNew(name)) return [];
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
