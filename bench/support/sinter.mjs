// Sinter on token ids: what `embed` does after tokenizing, without the tokenizer, so that engines can be compared alone.

import { tokenRunner } from '../../dist/models/token-runner.js';
import { native } from '../../dist/native/native.js';

/**
 * A function that encodes the whole batch once and gives [texts, width] in the order of the texts. The array is reused
 * by the next call.
 */
export function sinterRunner(encoder, batch, tokenBudget) {
  const runner = tokenRunner(encoder, 'embedding');
  const data = new Float32Array((batch.offsets.length - 1) * runner.width);
  return async () => {
    await runner.run(batch, data, { ...(tokenBudget !== undefined && { tokenBudget }) });
    return data;
  };
}

/** The kernel level in use. */
export function activeIsa() {
  return native().isa().active;
}
