/**
 * Makes probes for a file and evaluates the file on them, once the roles of its inputs are known.
 *
 * Imports nothing of recovery, so that a thread that only evaluates loads little code.
 */

import type { OnnxModel, Tensor, ValueInfo } from './model.js';
import { feedFor, makeProbe, type Probe, type Role } from './recover/probe.js';
import type { Recovered } from './recover/recover.js';
import { evaluate } from './reference/evaluate.js';
import type { Multiply } from './reference/multiply.js';
import type { Smooth } from './reference/smooth.js';

/** A short ragged batch that fits the fixed sizes of the file's inputs. */
export function probeFor(
  {
    inputs,
    maxTokens,
    vocabulary,
    segments,
  }: Pick<Recovered, 'inputs' | 'maxTokens' | 'vocabulary' | 'segments'>,
  length: number,
): Probe {
  return makeProbe({
    batch: inputs.batch ?? 2,
    length: inputs.length ?? Math.min(length, maxTokens),
    padded: [...inputs.roles.values()].includes('mask'),
    vocabulary,
    segments: [...inputs.roles.values()].includes('segments') ? segments : 1,
    firstPosition: inputs.firstPosition,
    seed: 3,
  });
}

export interface ProbeArithmetic {
  /**
   * With `ranges`, activations are not rounded, and `cuts` collects what their ranges cut off. Left out: as the file says.
   */
  readonly ranges?: Pick<Smooth, 'clamps' | 'cuts'>;
  readonly multiply?: Multiply | undefined;
}

/** Values of a file's own graph on a probe, without any rewriting. */
export async function evaluateModel(
  model: OnnxModel,
  roles: ReadonlyMap<string, Role>,
  probe: Probe,
  outputs: readonly string[],
  { ranges, multiply }: ProbeArithmetic = {},
): Promise<ReadonlyMap<string, Tensor>> {
  const feeds = feedsOf(roles, model.graph.inputs, probe);
  const ids = new Set([...roles].filter(([, role]) => role === 'ids').map(([name]) => name));
  return evaluate(model, feeds, {
    outputs,
    multiply,
    ...(ranges && { smooth: { ...ranges, ids } }),
  });
}

/** Tensors to feed to `inputs`; inputs without a role get none. */
export function feedsOf(
  roles: ReadonlyMap<string, Role>,
  inputs: readonly ValueInfo[],
  probe: Probe,
): Map<string, Tensor> {
  const feeds = new Map<string, Tensor>();
  for (const input of inputs) {
    const role = roles.get(input.name);
    if (role !== undefined) feeds.set(input.name, feedFor(probe, role, input));
  }
  return feeds;
}
