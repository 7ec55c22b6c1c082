/** The histograms of a report: weights and activations of each layer that stays, before and after. */

import { layerHistograms } from '../../compress/layer-histograms.js';
import { layerProducts } from '../../graph/rewrite/layer-products.js';
import type { EncoderGraph } from '../../graph/types.js';
import type { HistogramPair } from '../../report/compression-types.js';
import { layerCount, range } from './candidates.js';
import type { Compressed } from './compress.js';
import type { CompressionCase } from './evidence.js';

/** Texts on which activations are counted: some thousand tokens. */
const TEXTS = 64;

/** Empty for models whose layers are not made of attention and a feed-forward part. */
export async function reportHistograms(
  { parts, chosen }: Compressed,
  { source, subject, settings }: CompressionCase,
): Promise<readonly HistogramPair[]> {
  if (!hasLayers(source.graph) || !hasLayers(parts.graph)) return [];
  const layers = chosen?.best.shape.layers ?? range(layerCount(source));
  const texts = subject.inputs.slice(0, TEXTS);
  const { signal } = settings;
  const found = await source.program.use('compress', (own) =>
    parts.program.use('compress', (program) =>
      layerHistograms(
        'compress',
        { parts: source, program: own },
        { parts, program },
        { layers, texts, signal },
      ),
    ),
  );
  return found.map(({ layer, kind, low, high, before, after }) => ({
    name: layer === null ? 'tokens' : `layer ${layer}`,
    ...{ kind, low, high, before, after },
  }));
}

function hasLayers(graph: EncoderGraph): boolean {
  try {
    return layerProducts(graph).length > 0;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
