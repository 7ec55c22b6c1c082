/**
 * Runs a model once with its largest batch before it gets requests, so that memory runs out now or never.
 *
 * The rule: the batch has as many texts of full length as the batcher puts into one.
 */
import { runTask } from './canary.js';
import type { CallContext } from './contract.js';
import type { HeldModel } from './held-model.js';
import type { ModelSource } from './model-source.js';
import { batchTokensOf, type ServingSettings } from './server-options.js';

/** A word that every vocabulary has in few tokens. */
const WORD = 'a ';
const MAX_TEXTS = 64;

export async function warmUp(
  held: HeldModel,
  settings: ServingSettings,
  source: ModelSource,
  signal?: AbortSignal,
): Promise<void> {
  const { maxTokens } = held.info;
  const tokens = batchTokensOf(settings, source.batch);
  const texts = Math.min(MAX_TEXTS, Math.max(1, Math.ceil(tokens / maxTokens)));
  const long = WORD.repeat(maxTokens);
  const context: CallContext = {
    signal: signal ?? new AbortController().signal,
    priority: 'bulk',
    group: '',
  };
  const all = Array.from({ length: texts }, () => long);
  await held.use((model) => runTask(held, model, ['a', ...all], held.maskToken, context));
}
