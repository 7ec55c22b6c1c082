// Loads a folder of `exportOnnxFolder` in transformers.js and prints its outputs as JSON, one row per text.
//
//   node peers/transformers-js.mjs FOLDER DTYPE TASK POOLING TEXT...
//
// TASK is feature-extraction (POOLING: mean, cls or none), text-classification, token-classification, question-answering
// (TEXT: question, context) or fill-mask. Nothing is downloaded.

import { basename, dirname, resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';

const [folder = '', dtype = 'fp32', task = 'feature-extraction', pooling = 'mean', ...texts] =
  process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = dirname(resolve(folder));

const pipe = await pipeline(task, basename(folder), { dtype, device: 'cpu' });
const run = {
  'feature-extraction': async () => (await pipe(texts, { pooling, normalize: true })).tolist(),
  'text-classification': () => pipe(texts, { top_k: null }),
  'token-classification': () => pipe(texts, { ignore_labels: [] }),
  'question-answering': () => pipe(texts[0], texts[1]),
  'fill-mask': () => pipe(texts),
}[task];
console.log(JSON.stringify(await run()));
await pipe.dispose();
