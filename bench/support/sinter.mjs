// Sinter on token ids: what `embed` does after tokenizing, without the tokenizer, so that engines can be compared alone.
import { native } from '../../dist/core/native.js';
import { TOKEN_BUDGET } from '../../dist/models/forward.js';

/**
 * A function that encodes the whole batch once and gives [texts, hidden] in the order of the texts. The array is
 * reused by the next call.
 */
export function sinterRunner(encoder, batch, hidden, tokenBudget = TOKEN_BUDGET) {
  const data = new Float32Array((batch.offsets.length - 1) * hidden);
  const input = { ids: batch.ids, offsets: batch.offsets, segments: null };
  return async () => {
    const jobId = native().nextJobId();
    const outputs = [{ name: 'embedding', data }];
    await encoder.use('bench', (program) => program.run(input, outputs, { jobId, tokenBudget }));
    return data;
  };
}

/** The kernel level in use. */
export function activeIsa() {
  return native().isa().active;
}
