/**
 * Which layers to drop, by measurement: the layer whose removal hurts least goes, again and again.
 *
 * What is measured is the caller's: a score of the model with the layers that are left.
 */

import { rangeMistake, throwIfAborted } from '../core/errors.js';

/** The best layers found for one depth. */
export interface LayerChoice {
  /** Layers that stay, in increasing order, counted from 0. */
  readonly kept: readonly number[];
  readonly score: number;
  /** The layer that the next deeper choice has besides, and all that were tried in its place; empty for the whole model. */
  readonly tried: readonly { readonly dropped: number; readonly score: number }[];
}

export interface LayerChoiceOptions {
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
  /** Layers that stay at least. Default: 1. */
  readonly least?: number;
}

/**
 * The choice for every depth, from `layers` layers down to `least`. `score` gives a number for the model with the given
 * layers, larger is better, not NaN; it is called once for each set of layers, one call after the other. Greedy removal needs
 * about layers^2 / 2 calls. Of equal scores the first layer goes. Throws RangeError for a score that is NaN.
 */
export async function chooseLayers(
  layers: number,
  score: (kept: readonly number[]) => number | Promise<number>,
  { where, signal, least = 1 }: LayerChoiceOptions,
): Promise<readonly LayerChoice[]> {
  if (!Number.isSafeInteger(least) || least < 1 || least > layers) {
    throw rangeMistake(`${where}: least`, `a whole number from 1 to ${layers}`, least);
  }
  const measured = async (kept: readonly number[]) => {
    throwIfAborted(signal, where);
    const value = await score(kept);
    if (typeof value === 'number' && !Number.isNaN(value)) return value;
    throw rangeMistake(`${where}: the score of layers ${kept.join(', ')}`, 'a number', value);
  };
  let kept: readonly number[] = Array.from({ length: layers }, (_, layer) => layer);
  const found: LayerChoice[] = [{ kept, score: await measured(kept), tried: [] }];
  while (kept.length > least) {
    const tried: { dropped: number; score: number }[] = [];
    for (const dropped of kept) {
      tried.push({ dropped, score: await measured(kept.filter((layer) => layer !== dropped)) });
    }
    const best = tried.reduce((a, b) => (b.score > a.score ? b : a));
    kept = kept.filter((layer) => layer !== best.dropped);
    found.push({ kept, score: best.score, tried });
  }
  return found;
}
