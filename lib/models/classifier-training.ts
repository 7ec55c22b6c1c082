/**
 * What a classifier does to be trained: rows to corpus, a trainable copy of its weights, a new program at the end.
 *
 * The model's own program is only read.
 */

import { throwIfAborted } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import type { NativeProgram } from '../core/native.js';
import type { EncoderGraph } from '../graph/types.js';
import type { Corpus } from '../train/corpus.js';
import { runTraining } from '../train/train-loop.js';
import type { TrainSettings } from '../train/train-options.js';
import type { EpochProgress, StepProgress, TrainReport } from '../train/train-report.js';
import { type Evaluation, scoreLogits } from './evaluation.js';
import { outputWidth, runBatch } from './forward.js';
import { collectRows, type LabelledRows } from './labelled-rows.js';
import { buildProgram, copyFrom, type ModelParts } from './model-parts.js';
import { SharedProgram } from './shared-program.js';

/** Texts per run: many micro-batches, and a moment in which an abort is seen. */
const PIECE_TEXTS = 1024;

export interface TrainRequest {
  readonly settings: TrainSettings;
  readonly maxTokens: number;
  readonly eval: LabelledRows | undefined;
  readonly onStep: ((progress: StepProgress) => void | Promise<void>) | undefined;
  readonly onEpoch: ((progress: EpochProgress) => void | Promise<void>) | undefined;
  readonly signal: AbortSignal;
}

/** Trains a copy of `current`; gives the new inference program and the report. */
export async function trainParts(
  parts: ModelParts,
  current: NativeProgram,
  rows: LabelledRows,
  request: TrainRequest,
): Promise<{ program: SharedProgram; report: TrainReport }> {
  const where = 'train';
  const { settings, maxTokens, onStep, onEpoch, signal } = request;
  const { graph, tokenizer } = parts;
  const labels = parts.head.labels ?? [];
  const collect = { where, labels, maxTokens, signal };
  const train = await collectRows(rows, tokenizer, graph, { ...collect, name: 'rows' });
  const held =
    request.eval === undefined
      ? undefined
      : await collectRows(request.eval, tokenizer, graph, { ...collect, name: 'eval' });
  const trainable = await buildProgram(
    graph,
    { trainable: true, where, signal },
    copyFrom(current),
  );
  try {
    const evaluate =
      held && (() => evaluateCorpus(trainable, graph, held.corpus, labels, { where, signal }));
    const scores = evaluate && (async () => pickScores(await evaluate()));
    const hooks = { evaluate: scores, onStep, onEpoch, signal };
    const report = await runTraining(trainable, graph, train.corpus, settings, hooks);
    throwIfAborted(signal, where);
    const program = await buildProgram(
      graph,
      { trainable: false, where, signal },
      copyFrom(trainable),
    );
    return {
      program: new SharedProgram(program),
      report: { ...report, truncated: train.truncated },
    };
  } finally {
    trainable.dispose();
  }
}

function pickScores({ accuracy, macroF1, loss }: Evaluation) {
  return { accuracy, macroF1, loss };
}

/** Scores of a program on a corpus. */
export async function evaluateCorpus<L extends string>(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Corpus,
  labels: readonly L[],
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<Evaluation<L>> {
  const logits = Matrix.zeros(corpus.size, outputWidth(graph, 'logits'));
  for (let begin = 0; begin < corpus.size; begin += PIECE_TEXTS) {
    const end = Math.min(begin + PIECE_TEXTS, corpus.size);
    const data = logits.data.subarray(begin * logits.cols, end * logits.cols);
    await runBatch(program, corpus.slice(begin, end).tokens, 'logits', data, options);
  }
  return scoreLogits(logits, corpus.labels, labels);
}
