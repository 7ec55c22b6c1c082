/**
 * Recovers poolings from the weights of sums over tokens: mean, sum / sqrt(length), weighted by position.
 *
 * The spelling does not matter (masked sum and division, mean without a mask, a product with the mask): only the weight of
 * each token counts.
 */

import type { PoolKind } from '../../../../graph/types.js';
import type { Value } from './draft.js';
import { coefficientAt, type Form, indexOf, sizeOf } from './form.js';
import type { Probe } from './probe.js';
import type { Rows } from './rows.js';
import { Unexplained, type Walk } from './walk.js';

const TOLERANCE = 1e-4;

/** Weight of position p in a text of n tokens. */
const KINDS: readonly (readonly [PoolKind, (n: number, p: number) => number])[] = [
  ['mean', (n) => 1 / n],
  ['mean_sqrt_len_tokens', (n) => 1 / Math.sqrt(n)],
  ['weightedmean', (n, p) => (p + 1) / ((n * (n + 1)) / 2)],
  ['cls', (_, p) => (p === 0 ? 1 : 0)],
  ['lasttoken', (n, p) => (p === n - 1 ? 1 : 0)],
];

/** Turns a form of weighted sums [sequences, width] into a pooled value. */
export function pooledRows(walk: Walk, input: Form): Rows | null {
  const [term] = input.terms;
  if (term?.basis.kind !== 'sum' || input.terms.length !== 1) return null;
  const { value, weights } = term.basis;
  const { width } = value;
  const { batch } = walk.probe;
  const index = indexOf(term, sizeOf(input.dims));
  if (input.constant?.some((number) => number !== 0)) return null;
  if (index.length !== batch * width || index.some((element, i) => element !== i)) return null;
  const total = weights.slice();
  for (let b = 0; b < batch; b++) {
    const coefficient = coefficientAt(term, b * width);
    for (let k = 1; k < width; k++) {
      if (coefficientAt(term, b * width + k) !== coefficient) return null;
    }
    for (let t = 0; t < value.rows; t++) {
      total[b * value.rows + t] = (total[b * value.rows + t] ?? 0) * coefficient;
    }
  }
  const found = KINDS.find(([, weigh]) => explains(walk.probe, value, total, weigh));
  if (found === undefined) {
    throw new Unexplained('tokens are summed with weights that are no pooling that is known');
  }
  const [kind] = found;
  const pooled = walk.once(`${kind} ${value.id}`, () =>
    walk.value('sequence', batch, width, { op: 'pool', kind, input: value }),
  );
  return { value: pooled, row: Int32Array.from({ length: batch }, (_, b) => b) };
}

function explains(
  { batch, length, lengths }: Probe,
  value: Value,
  weights: Float64Array,
  weigh: (n: number, p: number) => number,
): boolean {
  for (let b = 0; b < batch; b++) {
    const n = lengths[b] ?? 0;
    for (let t = 0; t < value.rows; t++) {
      const position = t - b * length;
      const inside = position >= 0 && position < n;
      const wanted = inside ? weigh(n, position) : 0;
      if (Math.abs((weights[b * value.rows + t] ?? 0) - wanted) > TOLERANCE * wanted) return false;
    }
  }
  return true;
}
