/** The errors of a training whose numbers became infinite or NaN, and the search for the first tensor that did. */

import { setImmediate as turn } from 'node:timers/promises';
import { type ErrorDetails, SinterError } from '../core/errors.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import type { NativeProgram, TokenBatch } from '../native/program.js';
import type { NativeTrainer } from '../native/training.js';
import type { GoodWeights } from './good-weights.js';
import type { StepRecord } from './train-report.js';

/** Numbers that are looked at in one turn. */
const PIECE = 1 << 18;
const SHOWN_ROWS = 8;
const TOKEN_BUDGET = 512;

export interface BadBatch {
  readonly program: NativeProgram;
  readonly graph: EncoderGraph;
  readonly tokens: TokenBatch;
  /** Indices of the rows of the batch. */
  readonly rows: readonly number[];
}

/** The error of a step with a loss or a gradient norm that is not finite. */
export async function diverged(
  { step, loss, learningRate, gradNorm }: Omit<StepRecord, 'epoch'>,
  trainer: NativeTrainer,
  batch: BadBatch,
): Promise<SinterError> {
  const tensor = await firstBadTensor(trainer, batch);
  const { rows } = batch;
  const more = rows.length > SHOWN_ROWS ? ` and ${rows.length - SHOWN_ROWS} more` : '';
  const where = `the rows are ${rows.slice(0, SHOWN_ROWS).join(', ')}${more}`;
  const what = `step ${step} has loss ${loss} and gradient norm ${gradNorm} at learning rate ${learningRate}; ${where}`;
  const first = tensor === null ? '' : `; the first tensor that is not finite is ${tensor}`;
  const details = {
    step,
    learningRate,
    rows: rows.map(String),
    ...(tensor !== null && { tensor }),
  };
  return divergence(`${what}${first}`, details);
}

/** What happened, for each error that `divergence` made. */
const CAUSES = new WeakMap<SinterError, string>();

/** Whether an error says that a training diverged. */
export function isDivergence(error: unknown): error is SinterError {
  return error instanceof SinterError && CAUSES.has(error);
}

/** The error of an evaluation: weights that are finite but overflow in the computation are a divergence too. */
export function overflowed(error: unknown, step: number): unknown {
  if (!(error instanceof SinterError) || error.code !== 'CORRUPT_MODEL') return error;
  return divergence(`after step ${step}, ${error.message.replace(/^train: /, '')}`, { step });
}

/** The error of a training that diverged; the model has the weights that it had before. `checkpoint`: the newest one. */
export function divergence(
  what: string,
  details: ErrorDetails,
  checkpoint?: string | undefined,
): SinterError {
  const saved = checkpoint === undefined ? '' : `; the last checkpoint, ${checkpoint}, is finite`;
  const error = new SinterError(
    'INVALID_DATA',
    messageOf(what, `the training diverged and the model keeps its weights${saved}`),
    { details: { ...details, ...(checkpoint !== undefined && { checkpoint }) } },
  );
  CAUSES.set(error, what);
  return error;
}

/** The error with the newest checkpoint, where there is one and the training diverged. */
export function withCheckpoint(error: unknown, checkpoint: string | undefined): unknown {
  if (!isDivergence(error) || checkpoint === undefined) return error;
  return divergence(CAUSES.get(error) ?? '', error.details, checkpoint);
}

/** What the report says of a training that diverged and ended with its last good weights. */
export function endedWith(error: SinterError, { step, source }: GoodWeights): string {
  const outcome = `the training diverged and ended with the weights of ${source}, after step ${step}`;
  return messageOf(CAUSES.get(error) ?? '', outcome);
}

function messageOf(what: string, outcome: string): string {
  return `train: ${what}; ${outcome}: lower learningRate`;
}

/** Throws the error of a divergence where a weight is not finite, which may have had no effect on any loss so far. */
export async function checkWeights(trainer: NativeTrainer, step: number): Promise<void> {
  const tensor = await badWeight(trainer);
  if (tensor === null) return;
  throw divergence(`after step ${step}, ${tensor} is not finite`, { step, tensor });
}

/** Whether all numbers are finite. */
export function areFinite(values: Float32Array): boolean {
  return values.every((value) => Number.isFinite(value));
}

/**
 * The first tensor with a number that is not finite: a weight, else the first value of the network without dropout, else
 * the gradient that is nearest to the loss. null if there is none.
 */
async function firstBadTensor(trainer: NativeTrainer, batch: BadBatch): Promise<string | null> {
  return (
    (await badWeight(trainer)) ??
    (await badValue(batch)) ??
    (await badGradient(trainer, batch.graph))
  );
}

async function badWeight(trainer: NativeTrainer): Promise<string | null> {
  for (const { name, elements } of trainer.state().buffers) {
    if (!name.startsWith('weight:')) continue;
    for (let begin = 0; begin < elements; begin += PIECE) {
      const end = Math.min(elements, begin + PIECE);
      const bytes = trainer.readState(name, 4 * begin, 4 * end);
      if (!areFinite(new Float32Array(bytes.buffer, bytes.byteOffset, end - begin)))
        return `the weight ${name.slice('weight:'.length)}`;
      await turn();
    }
  }
  return null;
}

async function badValue({ program, graph, tokens }: BadBatch): Promise<string | null> {
  const shapes = validateGraph(graph);
  const texts = tokens.offsets.length - 1;
  for (const { output: value } of graph.nodes) {
    const names = Object.keys(graph.outputs) as OutputName[];
    const name = names.find((one) => graph.outputs[one] === value);
    const shape = shapes.get(value);
    if (name === undefined || shape === undefined) continue;
    const counts = {
      token: tokens.ids.length,
      sequence: texts,
      selected: tokens.selected?.length ?? tokens.ids.length,
      table: shape.rows,
    };
    const data = new Float32Array(counts[shape.kind] * shape.width);
    await runJob('train', undefined, (jobId) =>
      program.run(tokens, [{ name, data }], { jobId, tokenBudget: TOKEN_BUDGET }),
    );
    if (!areFinite(data)) return `the output ${name}`;
  }
  return null;
}

async function badGradient(trainer: NativeTrainer, graph: EncoderGraph): Promise<string | null> {
  const trained = new Set(trainer.state().buffers.map(({ name }) => name));
  for (const { name } of graph.weights.toReversed()) {
    if (!trained.has(`weight:${name}`)) continue;
    if (!areFinite(trainer.readGradient(name))) return `the gradient of ${name}`;
    await turn();
  }
  return null;
}
