/** The batcher of a masked language model: candidates for the masks of texts. */

import { RUN_OPTIONS, type RunOptions } from '../../batching/batch-options.js';
import type { BatchEncoder } from '../../batching/batch-work.js';
import { rangeMistake } from '../../core/errors.js';
import { type KnownOptions, readOptions } from '../../core/options.js';
import { outputWidth } from '../../runtime/forward.js';
import { type Candidate, maskCandidates } from '../mask-candidates.js';
import {
  type BatchModel,
  idEncoders,
  type LiveModel,
  rowRunner,
  TEXT_NAME,
} from './batch-model.js';
import { ownString } from './run-input.js';

/** Options of `run` of a masked language model's batcher. */
export interface FillRunOptions extends RunOptions {
  /** Number of candidates for each mask. Default: 5. */
  readonly topK?: number;
}

const FILL_RUN_OPTIONS: KnownOptions<FillRunOptions> = { ...RUN_OPTIONS, topK: true };

export interface MaskBatchSettings {
  readonly mask: { readonly content: string; readonly id: number };
  /** Most logits of a batch with more than one request. */
  readonly maxLogits: number;
}

/** A batcher's work for candidates. */
export function maskBatch(
  model: LiveModel,
  { mask, maxLogits }: MaskBatchSettings,
): BatchModel<Candidate[][], string, FillRunOptions> {
  const { graph } = model.parts;
  const { maxTokens } = graph;
  const whole = idEncoders(model, maxTokens)({ truncate: false, truncationDirection: undefined });
  const encoder: BatchEncoder = {
    async encode(texts) {
      const all = await whole.encode(texts);
      return all.map((tokens, i) => {
        const chosen = [...tokens.ids.keys()].filter((token) => tokens.ids[token] === mask.id);
        if (chosen.length === 0)
          throw rangeMistake(TEXT_NAME, `a text with ${mask.content}`, texts[i]);
        return { ...tokens, selected: Int32Array.from(chosen) };
      });
    },
  };
  const maxRows = Math.max(1, Math.floor(maxLogits / outputWidth(graph, 'logits')));
  const runner = rowRunner(model, { output: 'logits', unit: 'selected', maxRows });
  return {
    maxTokens,
    runOptions: FILL_RUN_OPTIONS,
    begin(input, options) {
      const topK = readOptions('run', options, FILL_RUN_OPTIONS).count('topK', 5);
      const text = ownString(TEXT_NAME, input);
      const answer: (logits: Parameters<typeof maskCandidates>[1]) => Promise<Candidate[][]> = (
        logits,
      ) => maskCandidates({ tokenizer: model.parts.tokenizer, mask, text, topK }, logits);
      return { text, tokens: null, work: { encoder, runner, answer } };
    },
  };
}
