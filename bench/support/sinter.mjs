// Sinter on token ids: `embed` without its tokenizer, so that the engines alone can be compared.

import { tokenRunner } from '../../dist/models/token-runner.js';
import { native } from '../../dist/native/native.js';

/**
 * A function that encodes the whole batch once and returns [texts, width] in the order of the texts. The next call reuses the
 * array.
 */
export function sinterRunner(encoder, batch, tokenBudget) {
  const runner = tokenRunner(encoder, 'embedding');
  const data = new Float32Array((batch.offsets.length - 1) * runner.width);
  return async () => {
    await runner.run(batch, data, { ...(tokenBudget !== undefined && { tokenBudget }) });
    return data;
  };
}

/** The kernel level that runs. */
export function activeIsa() {
  return native().isa().active;
}
