/**
 * Makes a model with a new, untrained head over the encoder of another: rewrites its graph over the same weights.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError } from '../core/errors.js';
import type { ModelHead } from '../graph/checkpoint.js';
import { withoutClassifierSettings } from '../graph/classifier-settings.js';
import { lengthLimit } from '../graph/length-limit.js';
import { type HeadPlans, withHead } from '../graph/rewrite/head.js';
import type { HeadTask } from '../graph/tasks.js';
import type { PoolKind } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { drawWeights } from './new-weights.js';

export interface NewHeadOptions {
  /** Seed of the new weights. */
  readonly seed: number;
  /** The length limit. Default: what the tokenizer's files state, at most the encoder's positions. */
  readonly maxTokens: number | undefined;
  /** A product over tokens pooled in this way, in place of the family's head. */
  readonly pooling?: PoolKind | undefined;
}

/** Throws UNSUPPORTED_MODEL for a task that the encoder has no head for, RangeError for a `maxTokens` beyond its positions. */
export async function withNewHead(
  where: string,
  parts: ModelParts,
  source: NativeProgram,
  head: ModelHead & { readonly task: HeadTask },
  { seed, maxTokens, pooling }: NewHeadOptions,
): Promise<ModelParts> {
  const { path } = parts;
  const plans = pooling === undefined ? parts.plans : pooledPlans(parts, pooling);
  const { task, labels, problem } = head;
  if (plans.heads[task] === undefined) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${where}: ${path}: a ${parts.graph.architecture} encoder has no head for ${task}`,
    );
  }
  const limit = limitOf(where, parts, { task, ...(maxTokens === undefined ? {} : { maxTokens }) });
  const wish = { task, labels: labels?.length ?? 0, maxTokens: limit };
  const { graph, sources, created } = withHead(parts.graph, plans, wish);
  await setImmediate();
  const program = await deriveProgram(
    graph,
    source.store,
    { trainable: false, where },
    { nameOf: (name) => sources.get(name) ?? name, written: drawWeights(created, seed) },
  );
  // A new head has a purpose of its own, so it does not inherit the old one's problem_type.
  const { problem_type: _, ...rest } = withoutClassifierSettings(parts.config);
  const config = problem === null ? rest : { ...rest, problem_type: problem };
  const untrained = created.map(({ name }) => name);
  return {
    ...parts,
    plans,
    graph,
    config,
    head,
    program: new SharedProgram(program),
    sentence: null,
    origin: { untrained, unused: parts.origin.unused, notes: [] },
  };
}

/** Plans whose classifier is a product over the pooled last hidden value. */
function pooledPlans({ plans }: ModelParts, pooling: PoolKind): HeadPlans {
  const { classification } = plans.heads;
  const { dropout } = classification ?? {};
  const head = {
    ...{ rows: pooling, output: 'classifier' },
    ...(dropout !== undefined && { dropout }),
  };
  return { ...plans, pooler: null, heads: { ...plans.heads, classification: head } };
}

function limitOf(
  where: string,
  parts: ModelParts,
  request: { readonly task: HeadTask; readonly maxTokens?: number },
): number {
  try {
    return lengthLimit(parts.plans.positions, parts, request);
  } catch (error) {
    throw error instanceof RangeError ? new RangeError(`${where}: ${error.message}`) : error;
  }
}
