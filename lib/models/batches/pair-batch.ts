/** The batcher of a cross-encoder: scores of pairs. */

import { RUN_OPTIONS, type RunOptions } from '../../batching/batch-options.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import { promptText, withPrompt } from '../../runtime/prompts.js';
import type { WindowSettings } from '../../runtime/windowed-logits.js';
import type { TextPair } from '../../tokenize/text-tokenizer.js';
import type { BatchModel, LiveModel } from './batch-model.js';
import { logitsWork } from './label-batch.js';
import { ownPair, TRUNCATE_OPTIONS, type TruncateOptions } from './run-input.js';

/** Options of `run` of a cross-encoder's batcher. */
export interface PairRunOptions extends RunOptions, TruncateOptions {
  /** true: the logit, before the activation that makes a score of it. Default: false. */
  readonly rawScores?: boolean;
}

const PAIR_RUN_OPTIONS: KnownOptions<PairRunOptions> = {
  ...RUN_OPTIONS,
  ...TRUNCATE_OPTIONS,
  rawScores: true,
};

export interface PairBatchSettings {
  readonly truncate: boolean;
  readonly windows: WindowSettings | null;
  readonly promptName: string | undefined;
  readonly activation: (logit: number) => number;
}

/** A batcher's work for scores of pairs. */
export function pairBatch(
  model: LiveModel,
  { truncate, windows, promptName, activation }: PairBatchSettings,
): BatchModel<number, TextPair, PairRunOptions> {
  const prompt = promptText('batch', model.parts.sentence, promptName);
  const score = ([logit = Number.NaN]: Float32Array) => activation(logit);
  const raw = ([logit = Number.NaN]: Float32Array) => logit;
  const workFor = logitsWork(model, { truncate, windows, result: score });
  return {
    maxTokens: model.parts.graph.maxTokens,
    runOptions: PAIR_RUN_OPTIONS,
    begin(input, options) {
      const read = readOptions('run', options, PAIR_RUN_OPTIONS);
      const work = workFor(options, read.boolean('rawScores', false) ? raw : undefined);
      const pair = ownPair(input);
      return { text: prompt === '' ? pair : withPrompt(prompt, pair), tokens: null, work };
    },
  };
}
