/**
 * Exported models in onnxruntime-node, on all texts as one right-padded batch.
 */
import * as ort from 'onnxruntime-node';
import type { TextModel } from '../../lib/models/text-model.js';

/** The numbers of `output`; the file is fed those of ids, mask and segments that it asks for. */
export async function runOnnx(
  path: string,
  model: TextModel,
  output: string,
  texts: readonly string[],
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1 });
  const encoded = await Promise.all(texts.map((text) => model.tokenize(text)));
  const longest = Math.max(...encoded.map(({ ids }) => ids.length));
  const shape = [texts.length, longest];
  const ids = new BigInt64Array(texts.length * longest);
  const mask = new BigInt64Array(ids.length);
  for (const [row, { ids: tokens }] of encoded.entries()) {
    for (const [i, id] of tokens.entries()) {
      ids[row * longest + i] = BigInt(id);
      mask[row * longest + i] = 1n;
    }
  }
  const feeds: Record<string, ort.Tensor> = {
    input_ids: new ort.Tensor('int64', ids, shape),
    attention_mask: new ort.Tensor('int64', mask, shape),
    token_type_ids: new ort.Tensor('int64', new BigInt64Array(ids.length), shape),
  };
  const named = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
  const result = await session.run(Object.fromEntries(named));
  await session.release();
  return result[output]?.data as Float32Array;
}
