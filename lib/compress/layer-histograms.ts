/**
 * How the numbers of a model are spread, layer by layer, before and after a compression: the weights of a layer's products, and what
 * these products read on some texts.
 *
 * The rule: the numbers are those that the model computes with. An int8 weight counts as scale times code times equalizer, and an
 * activation before it becomes codes, so that both sides mean the same. Numbers are counted on the lanes.
 */

import { layerProducts } from '../graph/rewrite/layer-products.js';
import type { EncoderGraph, LinearNode } from '../graph/types.js';
import type { NativeCounts, NativeHistogram } from '../native/compression.js';
import { runJob } from '../native/jobs.js';
import { native } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import { programOver } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { type SharedBins, sharedBins } from './histogram-pair.js';
import { checkTexts, type RunningModel } from './reconstruct.js';

/** The histograms of one layer of the original, or of its token table. */
export interface LayerHistogram extends SharedBins {
  /** The layer of the original, counted from 0; null for the table of tokens. */
  readonly layer: number | null;
  readonly kind: 'weight' | 'activation';
}

export interface LayerHistogramOptions {
  /** The layer of the original that each layer of the smaller model was. */
  readonly layers: readonly number[];
  /** Texts like those that the models see. */
  readonly texts: readonly TextInput[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * The histograms of the layers that are in both models, weights first. Throws RangeError for a model whose layers have no
 * feed-forward part.
 */
export async function layerHistograms(
  where: string,
  original: RunningModel,
  smaller: RunningModel,
  { layers, texts, signal }: LayerHistogramOptions,
): Promise<readonly LayerHistogram[]> {
  checkTexts(where, texts);
  const call = { where, signal };
  const all = layerProducts(original.parts.graph);
  const kept = layers.map((layer) => all[layer] ?? []);
  const before = await countsOf(call, original, kept, texts);
  const after = await countsOf(call, smaller, layerProducts(smaller.parts.graph), texts);
  const pairs = (kind: 'weight' | 'activation') =>
    layers.flatMap((layer, i): LayerHistogram[] => {
      const bins = sharedBins(before[kind][i] as NativeCounts, after[kind][i] as NativeCounts);
      return bins === null ? [] : [{ layer, kind, ...bins }];
    });
  const tables = sharedBins(before.table, after.table);
  return [
    ...(tables === null ? [] : [{ layer: null, kind: 'weight' as const, ...tables }]),
    ...pairs('weight'),
    ...pairs('activation'),
  ];
}

interface Call {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
}

interface ModelCounts {
  readonly table: NativeCounts;
  readonly weight: readonly NativeCounts[];
  readonly activation: readonly NativeCounts[];
}

async function countsOf(
  call: Call,
  model: RunningModel,
  layers: readonly (readonly LinearNode[])[],
  texts: readonly TextInput[],
): Promise<ModelCounts> {
  const { store } = model.program;
  const counted = (work: (histogram: NativeHistogram) => Promise<void>) => count(call, work);
  const add = async (to: NativeHistogram, name: string, factors: Float32Array | null) => {
    await runJob(call.where, call.signal, (jobId) => to.addWeight(store, name, factors, jobId));
  };
  const weight: NativeCounts[] = [];
  for (const nodes of layers) {
    weight.push(
      await counted(async (histogram) => {
        for (const { weights, equalizer } of nodes) {
          const factors = equalizer === undefined ? null : store.readWeight(equalizer);
          for (const name of weights) await add(histogram, name, factors);
        }
      }),
    );
  }
  const table = await counted(async (histogram) => {
    for (const name of tokenTables(model.parts.graph)) await add(histogram, name, null);
  });
  return { table, weight, activation: await activationCounts(call, model, layers, texts) };
}

async function count(
  { where, signal }: Call,
  work: (histogram: NativeHistogram) => Promise<void>,
): Promise<NativeCounts> {
  const histogram = new (native().Histogram)();
  try {
    await work(histogram);
    return await runJob(where, signal, (jobId) => histogram.counts(jobId));
  } finally {
    histogram.dispose();
  }
}

function tokenTables({ nodes }: EncoderGraph): readonly string[] {
  const tables = nodes.flatMap((node) => (node.op === 'embedding' ? node.tables : []));
  return [...new Set(tables.filter(({ index }) => index === 'token').map(({ weight }) => weight))];
}

/** Counts what the products of each layer read. A value that several products of a layer read counts once. */
async function activationCounts(
  call: Call,
  { parts, program }: RunningModel,
  layers: readonly (readonly LinearNode[])[],
  texts: readonly TextInput[],
): Promise<readonly NativeCounts[]> {
  const { where, signal } = call;
  const values = layers.map((nodes) => [...new Set(nodes.map(({ input }) => input))]);
  const offering = offeringValues(parts.graph, new Set(values.flat()));
  const histograms = layers.map(() => new (native().Histogram)());
  let copy: NativeProgram | undefined;
  try {
    copy = await programOver(offering, program.store, { trainable: false, where, signal });
    const reading = { where, tokenizer: parts.tokenizer, graphs: [offering], signal };
    for await (const batch of textBatches(texts, reading)) {
      const found = await runOutputs(reading, offering, copy, batch);
      for (const [i, histogram] of histograms.entries()) {
        for (const value of values[i] ?? []) {
          const numbers = found.get(value) ?? new Float32Array();
          await runJob(where, signal, (jobId) => histogram.add(numbers, null, jobId));
        }
      }
    }
    const counts: NativeCounts[] = [];
    for (const histogram of histograms)
      counts.push(await runJob(where, signal, (jobId) => histogram.counts(jobId)));
    return counts;
  } finally {
    copy?.dispose();
    for (const histogram of histograms) histogram.dispose();
  }
}
