/** Which layers stay at each depth, and what the units of those layers are worth: both by measurement. */

import { gradientImportance, type UnitScores } from '../../compress/importance.js';
import { chooseLayers, type LayerChoice } from '../../compress/layer-choice.js';
import type { JsonValue } from '../../core/json.js';
import { trimSegments } from '../../runtime/forward.js';
import { layerCount, range, release, type Workshop, withLayers } from './candidates.js';
import type { Costs } from './costs.js';
import type { DepthSource } from './search.js';
import type { Depth } from './shapes.js';

/** Texts on which importances are measured. */
const IMPORTANCE_TEXTS = 1024;

/** Layers go one after the other, each time the one without which the score is best. All layers stay unless `depth` is a method. */
export async function chosenLayers(workshop: Workshop): Promise<readonly LayerChoice[]> {
  const count = layerCount(workshop.teacher);
  if (workshop.settings.methods.has('depth')) return measuredLayers(workshop, 1);
  return [{ kept: range(count), score: Number.NaN, tried: [] }];
}

/** The best `layers` layers. */
export async function layersAtDepth(
  workshop: Workshop,
  layers: number,
): Promise<readonly number[]> {
  if (layers === layerCount(workshop.teacher)) return range(layers);
  return (await measuredLayers(workshop, layers)).at(-1)?.kept ?? [];
}

async function measuredLayers(workshop: Workshop, least: number): Promise<readonly LayerChoice[]> {
  const { teacher, journal, subject, settings } = workshop;
  const { signal } = settings;
  const count = layerCount(teacher);
  const found = await journal.stage('depth', async () => {
    const choices = await chooseLayers(
      count,
      async (kept) => {
        const parts = await withLayers(teacher, kept, signal);
        try {
          return (await subject.measure(parts, 'choice', signal)).scoreOf();
        } finally {
          await release(parts, teacher);
        }
      },
      { where: 'compress', signal, least },
    );
    return choices as unknown as JsonValue;
  });
  return found as unknown as readonly LayerChoice[];
}

/** The depths, with the importances of their units in the model that has these layers alone. */
export function depthSource(
  workshop: Workshop,
  choices: readonly LayerChoice[],
  costs: Costs,
): DepthSource {
  return {
    chains: choices.map(({ kept }) => kept),
    tables: costs.tables,
    speedupOf: (cost) => costs.speedupOf(cost),
    depthOf: async (layers): Promise<Depth> => ({
      layers,
      importance: await importanceOf(workshop, layers),
      ...costs.of(layers),
    }),
  };
}

/** What heads and neurons are worth in the model that has these layers alone. */
export async function importanceOf(
  workshop: Workshop,
  layers: readonly number[],
): Promise<UnitScores> {
  const { teacher, journal, subject, settings } = workshop;
  const { signal } = settings;
  const found = await journal.stage(`importance-${layers.join('-')}`, async () => {
    const parts = await withLayers(teacher, layers, signal);
    try {
      const { tokenizer, graph } = parts;
      const options = { maxTokens: graph.maxTokens, truncate: true, where: 'compress' };
      const texts = subject.inputs.slice(0, IMPORTANCE_TEXTS);
      const batch = trimSegments(graph, await tokenizer.encode(texts, options));
      const rows = { batch, output: subject.output, loss: subject.rowLoss };
      const { fisher } = await parts.program.use('compress', (program) =>
        gradientImportance(graph, program, rows, { where: 'compress', signal }),
      );
      return {
        heads: fisher.heads.map((scores) => [...scores]),
        neurons: fisher.neurons.map((scores) => [...scores]),
      };
    } finally {
      await release(parts, teacher);
    }
  });
  return {
    heads: found.heads.map((scores) => Float64Array.from(scores)),
    neurons: found.neurons.map((scores) => Float64Array.from(scores)),
  };
}
