/**
 * Extractive question answering: finds the answer to a question as a piece of a text of any length.
 */

import { BATCH_OPTIONS } from '../batching/batch-options.js';
import type { Batcher } from '../batching/batcher.js';
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { loadModel } from '../checkpoint/load-lazily.js';
import {
  HEAD_LOAD_OPTIONS,
  type HeadLoadOptions,
  loadSettings,
} from '../checkpoint/load-options.js';
import type { QuantizeOptions } from '../compress/quantize-model.js';
import { typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { Priority } from '../core/priority.js';
import { makeInTurns } from '../core/turns.js';
import { type AnswerScores, answerScores } from '../metrics/index.js';
import type { NativeProgram } from '../native/program.js';
import { forwardAligned, PIECE_TEXTS } from '../runtime/aligned-forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { AdapterOption } from '../runtime/predict-options.js';
import {
  type AnswerRow,
  answerRows,
  parseAnswerRow,
  type WindowLimits,
  windowLists,
  withSameAnswerWindows,
} from '../tasks/question-answering/answer-rows.js';
import {
  type Answer,
  answersOfWindow,
  ContextAnswers,
  type SpanLimits,
} from '../tasks/question-answering/answer-spans.js';
import { meanSpanLoss } from '../tasks/question-answering/span-loss.js';
import { collectRows, type Rows } from '../train/collect-rows.js';
import { corpusLogits } from '../train/corpus-logits.js';
import { answerSpan } from '../train/objectives.js';
import type { TrainReport } from '../train/train-report.js';
import { type AnswerDistillOptions, answerDistillation } from './answer-distillation.js';
import {
  ANSWER_OPTIONS,
  ANSWER_TOKENS,
  type AnswerBatchOptions,
  type AnswerOptions,
  readAnswerWindows,
  readSpans,
} from './answer-options.js';
import { type AnswerRunOptions, answerBatch, type Question } from './batches/answer-batch.js';
import type { CompressOptions } from './compression/options.js';
import type { CompressResult } from './compression/run.js';
import { checkTeacherLimit, type ModelDistillation } from './distillation.js';
import { TOKEN_DISTILL_OPTIONS } from './token-distillation.js';
import {
  type EvaluateOptions,
  type Learning,
  MODEL_TRAIN_OPTIONS,
  type ModelTrainOptions,
  type RowSet,
  TrainableModel,
} from './trainable-model.js';

/** Options of `QuestionAnswerer.load`. */
export type QuestionAnswererLoadOptions = HeadLoadOptions;

/** Scores on the held-out rows. */
export interface QuestionScores extends AnswerScores {
  /** Mean cross entropy of start and end over all windows. */
  readonly loss: number;
}

/** Scores of a question answerer on rows. */
export interface QuestionEvaluation extends QuestionScores {
  readonly rows: number;
  /** The best answer to each row's question; '' for no answer. */
  readonly predicted: readonly string[];
  /** Scores of the rows with an answer, and of the rows without one; null if there are no such rows. */
  readonly answerable: (AnswerScores & { readonly rows: number }) | null;
  readonly unanswerable: (AnswerScores & { readonly rows: number }) | null;
}

/** Options of `evaluate` of a question answerer. */
export interface QuestionEvaluateOptions extends EvaluateOptions, AdapterOption {
  /** As for `answer`. Default: true if any row has no answer. */
  readonly allowNoAnswer?: boolean;
}

export interface QuestionTrainOptions
  extends ModelTrainOptions<AnswerRow, QuestionScores>,
    AnswerDistillOptions {
  /** Tokens that neighbouring windows of a long context share. Default: 128, at most a third of the window. */
  readonly docStride?: number;
}

type QuestionPair = readonly [question: string, context: string];

/** Windows that are searched for answers before the event loop turns: a millisecond or two. */
const WINDOWS_PER_TURN = 8;

interface AnswerSet extends RowSet {
  readonly rows: readonly AnswerRow[];
}

/** Make it with `QuestionAnswerer.load`. */
export class QuestionAnswerer extends TrainableModel {
  private constructor(parts: ModelParts) {
    super(parts);
  }

  /**
   * Loads a model folder with a question answering head, or adds a new one to any encoder (without a path: to the one in
   * this package).
   */
  static async load(
    path = EMBEDDED_MODEL,
    options: QuestionAnswererLoadOptions = {},
  ): Promise<QuestionAnswerer> {
    const where = 'QuestionAnswerer.load';
    const read = readOptions(where, options, HEAD_LOAD_OPTIONS);
    const { settings, limit } = loadSettings(read);
    const request = { task: 'question-answering', ...limit } as const;
    return new QuestionAnswerer(await loadModel(where, path, request, settings));
  }

  /** The best answers in the context, best first. Throws TypeError if `question` or `context` is not a string. */
  async answer(question: string, context: string, options: AnswerOptions = {}): Promise<Answer[]> {
    const where = 'answer';
    const other = this.routed(where, options);
    if (other !== null) return other.model.answer(question, context, other.options);
    if (typeof question !== 'string') throw typeMistake(`${where}: question`, 'a string', question);
    if (typeof context !== 'string') throw typeMistake(`${where}: context`, 'a string', context);
    const read = readOptions(where, options, ANSWER_OPTIONS);
    const spans = readSpans(where, options);
    const windows = this.windows(where, options);
    const priority = read.choice('priority', 'interactive', ['interactive', 'bulk']);
    const run = { where, signal: read.signal(), priority, name: 'question' };
    return this.use(where, async (program) => {
      const [found] = await this.find(
        program,
        [[question, context]],
        { ...windows, ...spans },
        run,
      );
      return found ?? [];
    });
  }

  /**
   * A batcher for a server: `run({ question, context })` resolves with the answers that `answer(question, context)` has. Long
   * contexts are read in windows, each an item of the batches. Dispose it, or the model.
   */
  batch(options: AnswerBatchOptions = {}): Batcher<Answer[], Question, AnswerRunOptions> {
    const where = 'batch';
    const other = this.routed(where, options);
    if (other !== null) return other.model.batch(other.options);
    const { truncate: _, ...known } = BATCH_OPTIONS;
    readOptions(where, options, { ...known, maxTokens: true, docStride: true, adapter: true });
    const { maxTokens: __, docStride: ___, adapter: ____, ...limits } = options;
    const windows = this.windows(where, options);
    const { maxTokens } = windows;
    const readStride = ({ docStride }: AnswerRunOptions) =>
      docStride === undefined
        ? windows.docStride
        : this.windows('run', { maxTokens, docStride }).docStride;
    const settings = { maxTokens, readStride, readSpans };
    return this.batcher(limits, (model) => answerBatch(model, settings));
  }

  /** Answers all rows and compares with their answers, as the SQuAD evaluation does. For a row without an answer, '' is right. */
  async evaluate(
    rows: Rows<AnswerRow>,
    options: QuestionEvaluateOptions = {},
  ): Promise<QuestionEvaluation> {
    const where = 'evaluate';
    const other = this.routed(where, options);
    if (other !== null) return other.model.evaluate(rows, other.options);
    const read = readOptions(where, options, {
      ...{ allowNoAnswer: true, adapter: true, signal: true },
    });
    const signal = read.signal();
    const allowNoAnswer = read.boolean('allowNoAnswer', undefined);
    const learning = this.learning(where, {}, allowNoAnswer);
    return (await this.measure(rows, { where, signal }, learning)).evaluation;
  }

  /**
   * Fine-tunes all weights on questions and answers with AdamW and the cross entropy of their starts and ends, or with a
   * teacher. On success the model has the new weights; an error or an abort leaves the old ones.
   */
  async train(
    rows: Rows<AnswerRow>,
    options: QuestionTrainOptions = {},
  ): Promise<TrainReport<QuestionScores>> {
    const known = { ...MODEL_TRAIN_OPTIONS, ...TOKEN_DISTILL_OPTIONS, docStride: true } as const;
    return this.learn(rows, options, known, (where) => {
      const { docStride, maxTokens } = options;
      const limits = {
        ...(maxTokens !== undefined && { maxTokens }),
        ...(docStride !== undefined && { docStride }),
      };
      return this.learning(where, limits, undefined, answerDistillation(where, options));
    });
  }

  /** @internal */
  protected override over(parts: ModelParts): this {
    return new QuestionAnswerer(parts) as this;
  }

  /**
   * The smallest, fastest form of this model that keeps its quality, with the evidence: fewer tokens, layers, heads and neurons,
   * trained again with this model as the teacher, and int8. This model stays as it is. `report.verdict` says whether the gate is
   * passed: the model is returned in any case. Questions
   * without `answers` get those of this model. Throws INVALID_DATA where `eval` has texts of
   * `rows`.
   */
  async compress(
    options: CompressOptions<AnswerRow | Omit<AnswerRow, 'answers'>>,
  ): Promise<CompressResult<QuestionAnswerer>> {
    const { compressModel } = await import('./compression/run.js');
    const { answerSubject, answererRows } = await import('./compression/answer-subject.js');
    return compressModel<QuestionAnswerer>(this, options as CompressOptions<never>, {
      make: answerSubject as never,
      check: answererRows as never,
      load: (folder) => QuestionAnswerer.load(folder),
    });
  }

  /** A new model with int8 weights; this one still works. */
  async quantize(options: QuantizeOptions = {}): Promise<QuestionAnswerer> {
    return new QuestionAnswerer(await this.quantizedParts(options));
  }

  private windows(where: string, options: Pick<AnswerOptions, 'maxTokens' | 'docStride'>) {
    return readAnswerWindows(where, options, this.maxTokens);
  }

  /** The answers to each question. */
  private async find(
    program: NativeProgram,
    pairs: readonly QuestionPair[],
    limits: WindowLimits & SpanLimits & { readonly allowNoAnswer: boolean },
    run: {
      readonly where: string;
      readonly signal: AbortSignal | undefined;
      readonly priority?: Priority;
      /** Name of pairs[i] in messages; `[i]` is added if there may be several. */
      readonly name: string;
    },
  ): Promise<Answer[][]> {
    const { graph, tokenizer } = this.parts;
    const { name, ...request } = run;
    const found: Answer[][] = [];
    for (let first = 0; first < pairs.length; first += PIECE_TEXTS) {
      const piece = pairs.slice(first, first + PIECE_TEXTS);
      const nameOf = (i: number) =>
        name === 'question' ? `${run.where}: question` : `${run.where}: ${name}[${first + i}]`;
      const { maxTokens, docStride: stride } = limits;
      const options = { maxTokens, stride, signal: run.signal, where: run.where, nameOf };
      const own = piece.map(() => new ContextAnswers(limits));
      for await (const aligned of tokenizer.windowGroups(piece, options)) {
        const all = await forwardAligned(program, graph, aligned, request);
        const { sources } = aligned;
        const answersIn = (window: number) =>
          answersOfWindow(piece[sources[window] ?? 0]?.[1] ?? '', all, window, limits);
        const windows = await makeInTurns(sources.length, WINDOWS_PER_TURN, answersIn, run);
        for (const [window, answers] of windows.entries()) {
          own[sources[window] ?? 0]?.add(answers);
        }
      }
      found.push(...own.map((answers) => answers.finish()));
    }
    return found;
  }

  /** `training`: limits of the windows for training. Evaluation uses the same windows as `evaluate`. */
  private learning(
    where: string,
    training: Pick<AnswerOptions, 'maxTokens' | 'docStride'>,
    allowNoAnswer?: boolean,
    distillation?: ModelDistillation,
  ): Learning<AnswerSet, QuestionEvaluation, QuestionScores> {
    const windows = this.windows(where, training);
    const own = this.windows(where, {});
    const { parts } = this;
    return {
      objective: answerSpan,
      ...(distillation && { distillation, record: distillation.record }),
      reader: () => windowLists(windows, parts),
      collect: (rows, { held, maxTokens: _, ...options }) =>
        this.collect(rows, held ? own : windows, options, held ? null : distillation?.teacher),
      evaluate: (program, set, options) =>
        this.score(program, set, { ...own, allowNoAnswer }, options),
      scores: ({ loss, exactMatch, f1 }) => ({ loss, exactMatch, f1 }),
    };
  }

  /** The windows of all rows, and the rows themselves. */
  private async collect(
    rows: Rows<unknown>,
    windows: WindowLimits,
    options: {
      readonly where: string;
      readonly name: string;
      readonly signal: AbortSignal | undefined;
    },
    teacher: ModelDistillation['teacher'] = null,
  ): Promise<AnswerSet> {
    const { graph, tokenizer } = this.parts;
    const kept: AnswerRow[] = [];
    const plain = answerRows(windows, { tokenizer, graph, ...options });
    if (teacher !== null) checkTeacherLimit(options.where, windows.maxTokens, teacher.graph);
    const reader =
      teacher === null ? plain : withSameAnswerWindows(plain, windows, { ...teacher, ...options });
    const keeping = {
      ...reader,
      parse(at: string, row: unknown) {
        const checked = parseAnswerRow(at, row);
        kept.push(checked);
        return checked;
      },
    };
    const { corpus } = await collectRows(rows, keeping, options);
    return { rows: kept, corpus };
  }

  private async score(
    program: NativeProgram,
    held: AnswerSet,
    { allowNoAnswer, ...windows }: WindowLimits & { readonly allowNoAnswer?: boolean | undefined },
    options: { readonly where: string; readonly signal: AbortSignal | undefined },
  ): Promise<QuestionEvaluation> {
    const { rows, corpus } = held;
    const pairs = rows.map(({ question, context }) => [question, context] as const);
    const none = allowNoAnswer ?? rows.some(({ answers }) => answers.length === 0);
    const limits = { ...windows, topK: 1, maxAnswerTokens: ANSWER_TOKENS, allowNoAnswer: none };
    const found = await this.find(program, pairs, limits, { ...options, name: 'rows' });
    const predicted = found.map(([best]) => best?.answer ?? '');
    const truth = rows.map(({ answers }) => answers.map(({ text }) => text));
    const logits = await corpusLogits(program, this.parts.graph, corpus, options);
    return {
      rows: rows.length,
      loss: await meanSpanLoss(logits, corpus),
      ...answerScores(truth, predicted),
      predicted,
      answerable: scoresWhere(truth, predicted, (answers) => answers.length > 0),
      unanswerable: scoresWhere(truth, predicted, (answers) => answers.length === 0),
    };
  }
}

/** Scores of the rows that fit; null if none does. */
function scoresWhere(
  truth: readonly (readonly string[])[],
  predicted: readonly string[],
  fits: (answers: readonly string[]) => boolean,
): (AnswerScores & { readonly rows: number }) | null {
  const chosen = [...truth.keys()].filter((i) => fits(truth[i] ?? []));
  if (chosen.length === 0) return null;
  const scores = answerScores(
    chosen.map((i) => truth[i] ?? []),
    chosen.map((i) => predicted[i] ?? ''),
  );
  return { rows: chosen.length, ...scores };
}
