/**
 * What lies beyond the long probe: a mask that changes at larger distances (a wider window) would go unseen in a walk.
 *
 * Only the values that are added to scores are evaluated, at the length of long texts: they depend on no weight.
 */

import { SinterError } from '../../../../core/errors.js';
import type { Tensor } from '../model.js';
import type { PlainModel } from '../plain/plain-model.js';
import { evaluate } from '../reference/evaluate.js';
import { feedFor, makeProbe } from './probe.js';
import type { Inputs } from './roles.js';

/** Longest text that is looked at. */
const FAR = 1100;

/**
 * Throws UNSUPPORTED_MODEL when one of the `values` (names of numbers that scores are masked with) is not the same for all
 * distances from `seen` on.
 */
export async function checkFar(
  plain: PlainModel,
  inputs: Inputs,
  values: readonly string[],
  seen: number,
  maxTokens: number,
): Promise<void> {
  const length = Math.min(FAR, maxTokens);
  if (values.length === 0 || length <= seen || inputs.length !== null) return;
  const { path, bytes } = plain.source;
  const shape = { batch: inputs.batch ?? 1, length, padded: false, seed: 4 };
  const vocabulary = inputs.vocabulary ?? 2;
  const probe = makeProbe({ ...shape, vocabulary, segments: 1 });
  const feeds = new Map(
    plain.graph.inputs.map((input) => {
      return [input.name, feedFor(probe, inputs.roles.get(input.name) ?? 'mask', input)];
    }),
  );
  const subject = { graph: plain.graph, opsets: new Map([['', 18]]), path, bytes };
  for (const name of values) {
    const found = (await evaluate(subject, feeds, { outputs: [name] })).get(name);
    if (found === undefined || isEven(found, length, seen)) continue;
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: attention (${name}) sees other tokens at distances above ${seen - 1} than at ${seen - 1}`,
      { details: { file: path, category: 'unsupported', value: name } },
    );
  }
}

/** Whether all elements of [.., query, key] whose distance is at least seen - 1 are equal, to each side. */
function isEven({ dims, data }: Tensor, length: number, seen: number): boolean {
  if (dims.at(-1) !== length || dims.at(-2) !== length) return true;
  for (let matrix = 0; matrix < data.length; matrix += length * length) {
    for (let i = 0; i < length; i++) {
      const row = matrix + i * length;
      for (let j = i + seen - 1; j < length; j++) {
        if (data[row + j] !== data[row + i + seen - 1]) return false;
      }
      for (let j = i - seen + 1; j >= 0; j--) {
        if (data[row + j] !== data[row + i - seen + 1]) return false;
      }
    }
  }
  return true;
}
