// From texts to vectors, tokenizer included: `embed`, the best ONNX Runtime setting behind the same tokenizer, and (with
// --pipelines) transformers.js as its users call it.
import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tokenize } from '../support/model.mjs';
import { ortRunner } from '../support/onnx-runtime.mjs';
import { interleave, summarize, timeOnce } from '../support/timing.mjs';

/** [{ engine, medianMs, fastestMs, rounds, tokensPerSecond }], ours first. */
export async function measureTexts(workload, precision, best, batch, context) {
  const { encoders, config, options } = context;
  const encoder = encoders[precision];
  // `embed` cuts at the model's limit; texts are cut before, so that both sides encode the same tokens.
  const texts = await cutTexts(encoder, workload);
  const candidates = [
    ['sinter embed', () => encoder.embed(texts)],
    [
      `onnxruntime, ${best.name}, batch ${best.size}`,
      async () => {
        const ids = await tokenize(encoder, workload.texts, workload.maxTokens);
        await ortRunner(best.session, ids, config.hidden_size, best.size)();
      },
    ],
  ];
  const times = await interleave(
    candidates.map(([, run]) => run),
    Math.ceil(options.rounds / 2),
  );
  const measured = times.map((ms, i) => ({ engine: candidates[i][0], ...summarize(ms) }));
  if (options.pipelines)
    measured.push(...(await measurePipelines(texts, precision, best, context)));
  return measured.map((one) => ({
    ...one,
    tokensPerSecond: (1000 * batch.tokens) / one.medianMs,
  }));
}

/** Texts that are over the workload's limit, cut after their last token. */
async function cutTexts(encoder, { texts, maxTokens }) {
  if (maxTokens >= encoder.maxTokens) return texts;
  const cut = [];
  for (const text of texts) {
    const { ends } = await encoder.tokenize(text);
    // Two of the tokens are special; the last of all stands at 0.
    cut.push(ends.length > maxTokens ? text.slice(0, ends[maxTokens - 2]) : text);
  }
  return cut;
}

/** transformers.js on the chosen file: one text a call, and batches of 32 in the order of the texts. One pass each. */
async function measurePipelines(texts, precision, best, { folder, options }) {
  const { env, pipeline } = await import('@huggingface/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = `${folder}/`;
  const model = join(folder, 'model', 'onnx', 'model.onnx');
  mkdirSync(dirname(model), { recursive: true });
  cpSync(best.path, model);
  const session_options = { intraOpNumThreads: options.threads, interOpNumThreads: 1 };
  const extract = await pipeline('feature-extraction', 'model', { dtype: 'fp32', session_options });
  const settings = { pooling: 'mean', normalize: true };
  await extract(texts.slice(0, 1), settings);
  const measured = [];
  for (const size of [1, 32]) {
    const time = await timeOnce(async () => {
      for (let i = 0; i < texts.length; i += size) {
        await extract(texts.slice(i, i + size), settings);
      }
    });
    const engine = `transformers.js, ${precision}, batch ${size}, unsorted`;
    measured.push({ engine, ...summarize([time]) });
  }
  await extract.dispose();
  return measured;
}
