// transformers.js as its users call it against `embed`, from texts to vectors, in turns.
import { join } from 'node:path';
import { openPipeline } from '../support/pipelines.mjs';
import { interleave, summarize } from '../support/timing.mjs';
import { answer, loadEncoder, options, readInput } from './input.mjs';

const { texts, tokens } = readInput();
const encoder = await loadEncoder();
const { folder, onnx } = options.models;
// transformers.js takes its tokenizer from a model folder and expects the ONNX file inside it.
const pipeline = await openPipeline(
  join(folder, 'int8'),
  onnx[options.precision],
  join(folder, `pipeline-${options.precision}`),
  options.threads,
);
const times = await interleave(
  [() => encoder.embed(texts), () => pipeline.run(texts, 32), () => pipeline.run(texts, 1)],
  Math.ceil(options.rounds / 2),
);
await pipeline.close();
await encoder.dispose();
const [embed, batched, single] = times.map((time) => {
  const figures = summarize(time);
  return { ...figures, tokensPerSecond: (1000 * tokens) / figures.medianMs };
});
answer({ embed, batched, single });
