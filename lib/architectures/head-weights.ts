/**
 * Where the weights of a graph are in a checkpoint: with which prefix the encoder is stored, whether the head is there, and
 * how what is missing begins.
 *
 * Files from TensorFlow days call LayerNorm's weight and bias gamma and beta.
 */

import type { Checkpoint, NewWeight, Task } from '../graph/checkpoint.js';
import type { HeadPlan } from '../graph/rewrite/head.js';
import { HEAD_TASKS, type HeadTask, taskRow } from '../graph/tasks.js';
import type { WeightSpec } from '../graph/types.js';
import { type EncoderPlan, type Family, statedTask } from './family.js';
import type { WeightNaming } from './weight-sources.js';

/** `none`: the graph has no head; `new`: its last product is drawn. */
export type HeadState = 'none' | 'new' | 'trained';

/** The file's own prefix: checkpoints of bare encoders have none. */
export function storedPrefix({ tensors }: Checkpoint, family: Family, plan: EncoderPlan): string {
  return tensors.has(family.prefix + plan.tokens.name) ? family.prefix : '';
}

/** What a checkpoint has of a head for a task. */
export interface FoundHead {
  /** Of the trained head's last product; null without one. */
  readonly rows: number | null;
  /** The tensor that config.json's class must have and the checkpoint lacks. */
  readonly missing: string | null;
  /** What another trained head that the checkpoint has is for. */
  readonly other: string | null;
}

/**
 * The trained head for `task`. Heads of several tasks share their names, so the class in config.json decides whose it is; a
 * head of pretraining is nobody's loss.
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

/** null where nothing is lost: bare encoders, and language models, from which other models are trained. */
function isTrainedFor(stated: string | null): stated is string {
  return stated !== null && taskRow(stated)?.pretraining !== true;
}

/** The tensor whose presence shows a trained head: names that several heads share do not. null: the family has no such head. */
function tellingTensor(plan: EncoderPlan, task: HeadTask): string | null {
  const head = plan.heads[task];
  if (head === undefined) return null;
  if (task !== 'masked-lm' || plan.untied) return `${head.output}.weight`;
  return `${head.transform?.name ?? head.output}.weight`;
}

/** A head as it is wanted; `replaced`: in place of a trained one for the same task. */
export interface WishedHead {
  readonly task: Task;
  readonly state: HeadState;
  readonly replaced: boolean;
}

/** `sentence`: names of the modules after the pooling, which are stored under their own names. */
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
  // The last product of a language model is mostly the token table: what is new of its head is the rest.
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
