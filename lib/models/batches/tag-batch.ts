/** The batcher of a token classifier: entities of texts of any length. */

import { RUN_OPTIONS, type RunOptions } from '../../batching/batch-options.js';
import type { BatchEncoder, WindowReader } from '../../batching/batch-work.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import type { AlignedLogits } from '../../runtime/aligned-forward.js';
import {
  AGGREGATIONS,
  type Aggregation,
  type Entity,
} from '../../tasks/token-classification/entities.js';
import {
  TextTags,
  type WindowTag,
  windowTags,
} from '../../tasks/token-classification/tagged-texts.js';
import {
  type BatchModel,
  type LiveModel,
  rowRunner,
  TEXT_NAME,
  windowOf,
  windowsOf,
} from './batch-model.js';
import { ownString } from './run-input.js';

/** Options of `run` of a token classifier's batcher. */
export interface TagRunOptions extends RunOptions {
  /** How tokens become entities. Default: 'simple'. */
  readonly aggregation?: Aggregation;
}

const TAG_RUN_OPTIONS: KnownOptions<TagRunOptions> = { ...RUN_OPTIONS, aggregation: true };

export interface TagBatchSettings {
  /** Tokens that neighbouring windows share; null: texts over the limit are cut or refused, as `truncate` says. */
  readonly stride: number | null;
  readonly truncate: boolean;
}

/** A batcher's work for entities. */
export function tagBatch(
  model: LiveModel,
  { stride, truncate }: TagBatchSettings,
): BatchModel<Entity[], string, TagRunOptions> {
  const { maxTokens } = model.parts.graph;
  const encoder: BatchEncoder = {
    async encode(texts) {
      const nameOf = () => TEXT_NAME;
      // A text that is cut is read again in windows.
      const options = { maxTokens, truncate: stride !== null || truncate, nameOf, where: 'run' };
      const all = await model.parts.tokenizer.encodeAligned(texts, options);
      return texts.map((_, i) => windowOf(all, i));
    },
  };
  const runner = rowRunner(model, { output: 'logits', unit: 'token' });
  return {
    maxTokens,
    runOptions: TAG_RUN_OPTIONS,
    begin(input, options) {
      const read = readOptions('run', options, TAG_RUN_OPTIONS);
      const aggregation = read.choice('aggregation', 'simple', AGGREGATIONS);
      const text = ownString(TEXT_NAME, input);
      const windows = tagWindows(model, text, aggregation, stride);
      const answer: (...of: Parameters<typeof windows.keep>) => Entity[] = (rows, tokens) => {
        const joined = windows.join();
        joined.add(windows.keep(rows, tokens));
        return joined.finish() as Entity[];
      };
      const work = { encoder, runner, answer, windows: stride === null ? null : windows };
      return { text, tokens: null, work };
    },
  };
}

function tagWindows(
  model: LiveModel,
  text: string,
  aggregation: Aggregation,
  stride: number | null,
): WindowReader<Entity[], readonly WindowTag[]> {
  return {
    read(_, signal) {
      const { tokenizer, graph } = model.parts;
      const limits = { maxTokens: graph.maxTokens, stride: stride ?? 0 };
      const options = { ...limits, signal, where: 'run', nameOf: () => TEXT_NAME };
      return windowsOf(tokenizer.windowGroups([text], options));
    },
    keep: (logits, { places }) =>
      places === undefined ? [] : windowTags({ aligned: places, logits } as AlignedLogits, 0),
    join: () => new TextTags(text, model.parts.head.labels ?? [], aggregation, stride ?? 0),
  };
}
