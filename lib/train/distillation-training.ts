/**
 * Distillation: a training whose loss has terms against the inside of a teacher, beside the terms that its task has.
 *
 * The teacher runs in inference form on the token rows of each step, so its numbers are in memory for one step only: the hidden
 * states of a corpus would be a thousand times its tokens. Vectors of whole texts are computed before and are targets of the rows.
 */

import { SeededRandom } from '../core/random.js';
import type { EncoderGraph, OutputName, WeightSpec } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import type { LossTerm } from '../native/losses.js';
import type { NativeProgram, TokenBatch } from '../native/program.js';
import { isPerToken, outputWidth, TOKEN_BUDGET } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { programOver } from '../runtime/program.js';
import type { DistillationSettings } from './distillation-options.js';
import { type DistilledTerm, distillationGraphs } from './distillation-terms.js';
import { drawLinear } from './draw-linear.js';
import type { Objective } from './objectives.js';
import type { TrainedParts, TrainPlan, TrainRequest } from './train-model.js';
import { trainParts } from './train-model.js';

/** The teacher of a training: a model whose program stays alive while `use` runs. */
export interface InnerTeacher {
  readonly graph: EncoderGraph;
  readonly use: <T>(where: string, work: (program: NativeProgram) => Promise<T>) => Promise<T>;
}

export interface Distillation {
  readonly settings: DistillationSettings;
  /** null where no term reads the inside of a model. */
  readonly teacher: InnerTeacher | null;
}

const WHERE = 'train';

/** As `trainParts`, with the terms of a distillation. The trained graph is the student's own: projections are left out. */
export async function trainDistilledParts<S>(
  parts: ModelParts,
  current: NativeProgram,
  plan: TrainPlan<S>,
  request: TrainRequest<S>,
  { settings, teacher }: Distillation,
): Promise<TrainedParts<S>> {
  const { signal } = request;
  const { targetWidth = 0 } = plan;
  const { graph } = teacher ?? { graph: null };
  const where = `${WHERE}: distillation`;
  const made = distillationGraphs(where, parts.graph, graph, settings, targetWidth);
  const written = drawProjections(made.created, request.settings.seed);
  const train = (numbersOf: TeacherNumbers) => {
    const share = 1 - (settings.logits?.alpha ?? 0);
    const objective = distilled(plan.objective, share, made.terms, numbersOf);
    const extension = { graph: made.student, written };
    return trainParts(parts, current, { ...plan, objective, extension }, request);
  };
  const { teacher: inner } = made;
  if (teacher === null || inner === null) return train(async () => new Map());
  return teacher.use(WHERE, async ({ store }) => {
    const program = await programOver(inner, store, { trainable: false, where: WHERE, signal });
    const names = [...new Set(made.terms.flatMap(({ source }) => source ?? []))];
    try {
      return await train((tokens) => runTeacher(program, inner, names, tokens, signal));
    } finally {
      program.dispose();
    }
  });
}

/** The teacher's outputs on a batch, by name. */
type TeacherNumbers = (tokens: TokenBatch) => Promise<ReadonlyMap<OutputName, Float32Array>>;

async function runTeacher(
  program: NativeProgram,
  graph: EncoderGraph,
  names: readonly OutputName[],
  { ids, offsets, segments }: TokenBatch,
  signal: AbortSignal,
): Promise<ReadonlyMap<OutputName, Float32Array>> {
  const outputs = names.map((name) => {
    const rows = isPerToken(graph, name) ? ids.length : offsets.length - 1;
    return { name, data: new Float32Array(rows * outputWidth(graph, name)) };
  });
  const batch = { ids, offsets, segments };
  await runJob(WHERE, signal, (jobId) =>
    program.run(batch, outputs, { jobId, tokenBudget: TOKEN_BUDGET }),
  );
  return new Map(outputs.map(({ name, data }) => [name, data]));
}

/** `objective`, whose terms have `share` of their weight, with the terms of the distillation after its own. */
function distilled(
  objective: Objective,
  share: number,
  terms: readonly DistilledTerm[],
  numbersOf: TeacherNumbers,
): Objective {
  return async (batch, random) => {
    const base = await objective(batch, random);
    const numbers = await numbersOf(base.tokens);
    const added = terms.map(({ kind, output, weight, source, relation, logits }): LossTerm => {
      const found = source === null ? batch.targets.values : numbers.get(source);
      const values = found as Float32Array;
      const term = { kind, output, weight };
      if (logits !== undefined) {
        const { temperature, order } = logits;
        return { ...term, targets: inOrder(values, order), settings: { temperature } };
      }
      if (relation === undefined) return { ...term, targets: values };
      const { blocks, ...columns } = relation;
      const targets = columnBlocks(values, columns.targetColumns, [...new Set(blocks)]);
      return { ...term, targets, settings: { relation: columns } };
    });
    const own = base.terms.map((term) => ({ ...term, weight: share * term.weight }));
    return { tokens: base.tokens, terms: [...(share > 0 ? own : []), ...added] };
  };
}

/** Rows with their columns in another order. */
function inOrder(values: Float32Array, order: readonly number[]): Float32Array {
  const width = order.length;
  return values.map((_, i) => values[i - (i % width) + (order[i % width] ?? 0)] ?? Number.NaN);
}

/** Blocks of `width` columns of rows with three of them (queries, keys, values), all rows of one after those of another. */
function columnBlocks(values: Float32Array, width: number, blocks: readonly number[]) {
  const rows = values.length / (3 * width);
  const picked = new Float32Array(blocks.length * rows * width);
  for (const [i, block] of blocks.entries()) {
    for (let row = 0; row < rows; row++) {
      const from = (3 * row + block) * width;
      picked.set(values.subarray(from, from + width), (i * rows + row) * width);
    }
  }
  return picked;
}

/** New projections; biases are 0. */
function drawProjections(
  weights: readonly WeightSpec[],
  seed: number,
): ReadonlyMap<string, Float32Array> {
  const random = new SeededRandom(seed);
  return new Map(
    weights.map(({ name, shape: [rows = 0, inputs] }) => {
      if (inputs === undefined) return [name, new Float32Array(rows)];
      return [name, drawLinear(rows, inputs, random)];
    }),
  );
}
