// From texts to vectors, tokenizer included: `embed`, the best ONNX Runtime setting behind the same tokenizer, and (with
// --pipelines) transformers.js as its users call it.
import { join } from 'node:path';
import { cutTexts, tokenize } from '../support/model.mjs';
import { ortRunner } from '../support/onnx-runtime.mjs';
import { openPipeline } from '../support/pipelines.mjs';
import { interleave, summarize, timeOnce } from '../support/timing.mjs';

/** [{ engine, medianMs, fastestMs, rounds, tokensPerSecond }], Sinter first. */
export async function measureTexts(workload, precision, best, batch, context) {
  const { encoders, config, options } = context;
  const encoder = encoders[precision];
  // `embed` cuts texts only at the model's limit; they are cut here before, so that both sides encode the same tokens.
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

/** transformers.js on the chosen file: one text per call, and batches of 32 in the order of the texts. One pass each. */
async function measurePipelines(texts, precision, best, { folder, model, options }) {
  const place = join(folder, `pipeline-${precision}`);
  const pipeline = await openPipeline(model, best.path, place, options.threads);
  const measured = [];
  for (const size of [1, 32]) {
    const time = await timeOnce(() => pipeline.run(texts, size));
    const engine = `transformers.js, ${precision}, batch ${size}, unsorted`;
    measured.push({ engine, ...summarize([time]) });
  }
  await pipeline.close();
  return measured;
}
