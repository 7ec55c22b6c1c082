/**
 * A student whose sizes are given: fewer layers, heads and neurons, and a factorised table of tokens, all taken from the original.
 *
 * The rule: every size is cut by measurement. Layers go one after the other, each time the one without which the score is best; heads
 * and neurons stay by Fisher importance and are fitted by least squares; the table keeps the directions of the tokens that occur.
 */

import { masksOfCounts, removedUnits } from '../../compress/mask-search.js';
import { hiddenWidth } from '../../compress/narrow-hidden.js';
import { rangeMistake } from '../../core/errors.js';
import { factorTable } from '../../graph/rewrite/factor-table.js';
import { narrowHidden } from '../../graph/rewrite/narrow-hidden.js';
import { unitsOf } from '../../graph/rewrite/units.js';
import type { EncoderGraph } from '../../graph/types.js';
import { layerCount, range, trainRound, type Workshop } from './candidates.js';
import { importanceOf, layersAtDepth } from './depths.js';
import type { StudentSizes } from './options.js';
import { passesOf, type SearchHooks, type Visit } from './search.js';
import type { Shape } from './shapes.js';
import { untrainedForm } from './untrained.js';

/** Throws RangeError for a size that is not below what the model has, or equal to it. */
export function checkStudent(where: string, graph: EncoderGraph, sizes: StudentSizes): void {
  const { heads, neurons } = unitsOf(graph);
  const most = (units: readonly { readonly count: number }[]) =>
    Math.max(...units.map(({ count }) => count));
  const limits = {
    layers: heads.length,
    heads: most(heads),
    intermediateSize: most(neurons),
  } as const;
  for (const name of ['layers', 'heads', 'intermediateSize'] as const) {
    const [size, limit] = [sizes[name], limits[name]];
    if (size !== undefined && size > limit)
      throw rangeMistake(`${where}: student: ${name}`, `at most ${limit}, as the model has`, size);
  }
  const { hiddenSize, embeddingSize } = sizes;
  if (hiddenSize !== undefined || embeddingSize !== undefined) {
    try {
      const width = hiddenWidth(graph);
      const size = hiddenSize ?? width;
      if (hiddenSize !== undefined && hiddenSize >= width)
        throw new RangeError(`the hidden size must be from 1 to ${width - 1}, got ${hiddenSize}`);
      if (hiddenSize !== undefined && narrowHidden(graph, range(size)).widening !== null)
        throw new RangeError(
          'hiddenSize would shorten the vectors, so it is for models with a head',
        );
      if (embeddingSize !== undefined) factorTable(graph, embeddingSize);
      if (embeddingSize !== undefined && embeddingSize >= size)
        throw new RangeError(`the embedding size must be below ${size}, got ${embeddingSize}`);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new RangeError(`${where}: student: ${error.message}`, { cause: error });
    }
  }
}

/** The student after all passes; untrained where they made it worse, or the time was over. */
export async function visitStudent(
  workshop: Workshop,
  sizes: StudentSizes,
  hooks: SearchHooks,
): Promise<Visit> {
  const { teacher, subject, journal, settings } = workshop;
  const layers = await layersAtDepth(workshop, sizes.layers ?? layerCount(teacher));
  const shape = await shapeOf(workshop, layers, sizes);
  const start = () => untrainedForm(workshop, shape);
  const score = await journal.stage(`${shape.name}-one-shot`, async () => {
    const parts = await start();
    try {
      return (await subject.measure(parts, 'choice', settings.signal)).scoreOf();
    } finally {
      await parts.program.retire();
    }
  });
  hooks.say(`the student: ${(100 * score).toFixed(2)} % before training`);
  const epochs = hooks.mustStop() ? 0 : passesOf(workshop).all;
  const best = await trainRound(workshop, {
    ...{ shape, start, epochs, startScore: score, from: null, speedup: null },
    stage: `${shape.name}-${epochs === 0 ? 'untrained' : 'round-1'}`,
  });
  return { budget: 0, tried: [{ shape, score }], trained: [best], best };
}

async function shapeOf(
  workshop: Workshop,
  layers: readonly number[],
  { heads: mostHeads, intermediateSize, hiddenSize, embeddingSize }: StudentSizes,
): Promise<Shape> {
  const units = unitsOf(workshop.teacher.graph);
  const counts = (part: 'heads' | 'neurons', most: number | undefined) =>
    layers.map((layer) => {
      const { count = 0 } = units[part][layer] ?? {};
      return Math.min(count, most ?? count);
    });
  const widths = {
    heads: counts('heads', mostHeads),
    neurons: counts('neurons', intermediateSize),
  };
  const isCut = mostHeads !== undefined || intermediateSize !== undefined;
  const removed = isCut
    ? removedUnits(masksOfCounts(await importanceOf(workshop, layers), widths))
    : {
        heads: new Map<number, readonly number[]>(),
        neurons: new Map<number, readonly number[]>(),
      };
  const sizes = [layers, widths.heads, widths.neurons].map((list) => list.join('-'));
  return {
    name: `student_${[...sizes, hiddenSize ?? 'whole', embeddingSize ?? 'whole'].join('_')}`,
    ...{ layers, widths, heads: [...removed.heads], neurons: [...removed.neurons] },
    ...(hiddenSize !== undefined && { hiddenSize }),
    ...(embeddingSize !== undefined && { embeddingSize }),
    ...{ cost: 0, kept: 1 },
  };
}
