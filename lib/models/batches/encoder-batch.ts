/**
 * The batcher of an encoder: vectors of texts, or of their tokens.
 *
 * Calls whose options change only what is done with a row share a native batch; a prompt that is not pooled, and vectors that
 * are not scaled, need one of their own.
 */

import { RUN_OPTIONS, type RunOptions } from '../../batching/batch-options.js';
import type { BatchRunner, BatchWork } from '../../batching/batch-work.js';
import { rangeMistake } from '../../core/errors.js';
import { Matrix } from '../../core/matrix.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { promptText, unpooledTokens, withPrompt } from '../../runtime/prompts.js';
import { hasUnitRows, scaleToUnit } from '../../runtime/unit-vectors.js';
import { type BatchModel, idEncoders, type LiveModel, rowRunner } from './batch-model.js';
import {
  type BatchInput,
  isIds,
  ownIds,
  ownText,
  readTruncation,
  TRUNCATE_OPTIONS,
  type TruncateOptions,
} from './run-input.js';

/** Options of `run` of an encoder's batcher for vectors of tokens. */
export interface TokensRunOptions extends RunOptions, TruncateOptions {
  /** As for `embed`. Not for ids, which have their prompt. Default: that of `batch`, else the model's default prompt. */
  readonly promptName?: string;
}

/** Options of `run` of an encoder's batcher. */
export interface EncoderRunOptions extends TokensRunOptions {
  /** As for `embed`. Default: that of `batch`. */
  readonly dimensions?: number;
  /**
   * true: a vector of length 1. false: the vector as it is before the model's last step, if that scales it to length 1.
   * Default: as the model's files say.
   */
  readonly normalize?: boolean;
}

/** What the batcher was told, checked. */
export interface EncoderBatchSettings {
  readonly truncate: boolean;
  readonly promptName: string | undefined;
  readonly dimensions: number | undefined;
  /** The number of leading numbers to keep. Throws RangeError for a wrong one. */
  readonly readDimensions: (where: string, value: number | undefined) => number;
}

const TOKENS_RUN_OPTIONS: KnownOptions<TokensRunOptions> = {
  ...RUN_OPTIONS,
  ...TRUNCATE_OPTIONS,
  promptName: true,
};

const ENCODER_RUN_OPTIONS: KnownOptions<EncoderRunOptions> = {
  ...TOKENS_RUN_OPTIONS,
  dimensions: true,
  normalize: true,
};

/** The options that a call may have of its own. */
const OWN_OPTIONS = Object.keys(ENCODER_RUN_OPTIONS).filter((name) => !(name in RUN_OPTIONS));

/** A batcher's work for vectors of texts. */
export function vectorBatch(
  model: LiveModel,
  settings: EncoderBatchSettings,
): BatchModel<Float32Array, BatchInput, EncoderRunOptions> {
  const isUnit = hasUnitRows(model.parts.graph);
  const pooled = runnersByPrompt(model, false);
  const unscaled = runnersByPrompt(model, true);
  return {
    maxTokens: model.parts.graph.maxTokens,
    runOptions: ENCODER_RUN_OPTIONS,
    begin: promptedTexts<Float32Array, EncoderRunOptions>(model, settings, {
      isPooled: true,
      runner: (prompt, { normalize }) =>
        normalize === false && isUnit ? unscaled(prompt) : pooled(prompt),
      answer(options) {
        const wanted = options.dimensions ?? settings.dimensions;
        const dimensions = settings.readDimensions('run', wanted);
        const read = readOptions('run', options, ENCODER_RUN_OPTIONS);
        const normalize = read.boolean('normalize', undefined);
        const isScaled = wanted !== undefined && isUnit;
        return ({ data }) => {
          const vector = data.slice(0, dimensions);
          const isShort = vector.length < data.length;
          const asked = normalize === true && (isShort || !isUnit);
          if (asked || (isScaled && normalize !== false)) scaleToUnit(vector);
          return vector;
        };
      },
    }),
  };
}

/** A batcher's work for vectors of tokens: a matrix per text. */
export function tokensBatch(
  model: LiveModel,
  settings: EncoderBatchSettings,
): BatchModel<Matrix, BatchInput, TokensRunOptions> {
  const runner = rowRunner(model, { output: 'hidden', unit: 'token' });
  return {
    maxTokens: model.parts.graph.maxTokens,
    runOptions: TOKENS_RUN_OPTIONS,
    begin: promptedTexts<Matrix, TokensRunOptions>(model, settings, {
      isPooled: false,
      runner: () => runner,
      answer: () => (all) => new Matrix(all.data.slice(), all.rows, all.cols),
    }),
  };
}

/** What a call is computed and answered by. */
interface Answering<R, O> {
  /** Checks the options of the answer. */
  answer(options: O): (rows: Matrix) => R;
  runner(prompt: string, options: O): BatchRunner;
  /** Whether tokens become one vector. */
  readonly isPooled: boolean;
}

/** The function `begin` of a batcher whose texts may have a prompt. */
function promptedTexts<R, O extends TokensRunOptions>(
  model: LiveModel,
  settings: EncoderBatchSettings,
  { answer, runner, isPooled }: Answering<R, O>,
): BatchModel<R, BatchInput, O>['begin'] {
  const encoderFor = idEncoders(model, model.parts.graph.maxTokens);
  const usual = promptText('batch', model.parts.sentence, settings.promptName);
  const workFor = (prompt: string, options: O): BatchWork<R> => {
    const truncation = readTruncation(options, settings.truncate);
    if (isPooled && truncation.truncationDirection === 'left') checkLeft(model.parts, prompt);
    return {
      encoder: encoderFor(truncation),
      runner: runner(prompt, options),
      answer: answer(options),
    };
  };
  // Calls without options of their own share these.
  const plain = {} as O;
  const plainWork = { text: workFor(usual, plain), ids: workFor('', plain) };
  return (input, options) => {
    const isPlain = !OWN_OPTIONS.some((name) => options[name as keyof O] !== undefined);
    const { promptName } = options;
    if (isIds(input)) {
      // They have their prompt, and are never cut.
      if (promptName !== undefined)
        throw rangeMistake('run: promptName', 'left out for ids', promptName);
      const work = isPlain ? plainWork.ids : workFor('', options);
      return { text: '', tokens: ownIds(input, model), work };
    }
    const named = () => promptText('run', model.parts.sentence, promptName);
    const prompt = promptName === undefined ? usual : named();
    const text = ownText(input);
    const work = isPlain ? plainWork.text : workFor(prompt, options);
    return { text: prompt === '' ? text : withPrompt(prompt, text), tokens: null, work };
  };
}

/** A cut at the left takes the prompt, whose tokens the pooling would then leave out in vain. */
function checkLeft({ sentence }: ModelParts, prompt: string): void {
  if (prompt === '' || (sentence?.includePrompt ?? true)) return;
  const what = "'right' with a prompt that the model does not pool";
  throw rangeMistake('run: truncationDirection', what, 'left');
}

/** The runner of a prompt: one for all, unless poolings leave the prompt out. */
function runnersByPrompt(model: LiveModel, isUnscaled: boolean): (prompt: string) => BatchRunner {
  const made = new Map<string, BatchRunner>();
  return (prompt) => {
    const key = (model.parts.sentence?.includePrompt ?? true) ? '' : prompt;
    let runner = made.get(key);
    if (runner === undefined) {
      const unpooled = () => unpooledTokens(model.parts, key);
      const rows = { output: 'embedding', unit: 'sequence', isUnscaled, unpooled } as const;
      runner = rowRunner(model, rows);
      made.set(key, runner);
    }
    return runner;
  };
}
