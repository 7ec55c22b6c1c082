/**
 * Finds the checkpoint tensor for every weight of a graph, and the weights that are new.
 *
 * Shapes and dtypes are checked here, before the native program loads anything.
 */

import { SinterError } from '../core/errors.js';
import type { Checkpoint, NewWeight } from '../graph/checkpoint.js';
import type { WeightSpec } from '../graph/types.js';

const USABLE_DTYPES = ['F32', 'F16', 'BF16'];

/** An architecture's names of weights in its files. */
export interface WeightNaming {
  /** Names a weight may have in the file, best first. */
  candidates(name: string): readonly string[];
  /** Initial values of a weight that the file may lack; null if it must be there. */
  init(weight: WeightSpec): NewWeight['init'] | null;
}

/**
 * The source or the initial values of every weight. Throws CORRUPT_MODEL with the names of the missing tensors, or with the
 * first tensor of a wrong shape; UNSUPPORTED_MODEL for a dtype that is not supported.
 */
export function findWeights(
  checkpoint: Checkpoint,
  weights: readonly WeightSpec[],
  naming: WeightNaming,
): { sources: Map<string, string>; created: NewWeight[] } {
  const sources = new Map<string, string>();
  const created: NewWeight[] = [];
  const missing: string[] = [];
  for (const weight of weights) {
    const { name, shape } = weight;
    const source = naming.candidates(name).find((candidate) => checkpoint.tensors.has(candidate));
    const init = source === undefined ? naming.init(weight) : null;
    if (source !== undefined) {
      checkTensor(checkpoint, source, shape);
      sources.set(name, source);
    } else if (init !== null) created.push({ name, shape, init });
    else missing.push(name);
  }
  if (missing.length > 0) {
    const shown =
      missing.length > 8 ? [...missing.slice(0, 8), `${missing.length - 8} more`] : missing;
    throw new SinterError(
      'CORRUPT_MODEL',
      `${checkpoint.path}: ${missing.length} tensors are missing: ${shown.join(', ')}`,
      { details: { file: checkpoint.path, missing } },
    );
  }
  return { sources, created };
}

function checkTensor({ path, tensors }: Checkpoint, name: string, shape: readonly number[]): void {
  const tensor = tensors.get(name);
  if (tensor === undefined) return;
  const fits = tensor.shape.length === shape.length && tensor.shape.every((n, i) => n === shape[i]);
  if (!fits) {
    const [expected, got] = [shape.join(', '), tensor.shape.join(', ')];
    throw new SinterError(
      'CORRUPT_MODEL',
      `${path}: tensor ${name} must be [${expected}] by config.json, got [${got}]`,
      { details: { file: path, tensor: name } },
    );
  }
  if (!USABLE_DTYPES.includes(tensor.dtype)) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: tensor ${name} must be one of ${USABLE_DTYPES.join(', ')}, got ${tensor.dtype}`,
      { details: { file: path, tensor: name } },
    );
  }
}
