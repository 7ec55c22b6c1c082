// transformers.js with a model and tokenizer from local files.
import { cpSync, mkdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A feature-extraction pipeline of the tokenizer of `model` and the file `onnx`, laid out in `folder` as transformers.js
 * expects: { run(texts, size), vectors(texts), close }. `run` takes the texts in order, `size` per call; `vectors` gives those of one call.
 */
export async function openPipeline(model, onnx, folder, threads) {
  const { env, pipeline } = await import('@huggingface/transformers');
  cpSync(model, folder, { recursive: true });
  const file = join(folder, 'onnx', 'model.onnx');
  mkdirSync(dirname(file), { recursive: true });
  cpSync(onnx, file);
  env.allowRemoteModels = false;
  env.localModelPath = `${dirname(folder)}/`;
  const session_options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
  const settings = { dtype: 'fp32', session_options };
  const extract = await pipeline('feature-extraction', basename(folder), settings);
  const run = async (texts, size) => {
    for (let i = 0; i < texts.length; i += size) {
      await extract(texts.slice(i, i + size), { pooling: 'mean', normalize: true });
    }
  };
  const vectors = async (texts) =>
    (await extract(texts, { pooling: 'mean', normalize: true })).tolist();
  await run(['a text that warms it up'], 1);
  return { run, vectors, close: () => extract.dispose() };
}
