/**
 * Exported models in onnxruntime-node, on all texts as one right-padded batch.
 */
import * as ort from 'onnxruntime-node';
import { insideOf, type TextModel } from '../../lib/models/text-model.js';
import type { TextInput } from '../../lib/tokenize/text-tokenizer.js';

/** The numbers of `output`; the file is fed those of ids, mask and segments that it asks for. */
export async function runOnnx(
  path: string,
  model: TextModel,
  output: string,
  texts: readonly TextInput[],
): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(path, { intraOpNumThreads: 1 });
  const { tokenizer, graph } = insideOf(model).parts;
  const encoded = await tokenizer.encode(texts, {
    ...{ maxTokens: graph.maxTokens, where: 'runOnnx' },
  });
  const { offsets } = encoded;
  const lengths = texts.map((_, row) => (offsets[row + 1] ?? 0) - (offsets[row] ?? 0));
  const longest = Math.max(...lengths);
  const shape = [texts.length, longest];
  const ids = new BigInt64Array(texts.length * longest);
  const [mask, segments] = [new BigInt64Array(ids.length), new BigInt64Array(ids.length)];
  for (const [row, length] of lengths.entries()) {
    for (let i = 0; i < length; i++) {
      const [to, from] = [row * longest + i, (offsets[row] ?? 0) + i];
      ids[to] = BigInt(encoded.ids[from] ?? 0);
      mask[to] = 1n;
      segments[to] = BigInt(encoded.segments?.[from] ?? 0);
    }
  }
  const feeds: Record<string, ort.Tensor> = {
    input_ids: new ort.Tensor('int64', ids, shape),
    attention_mask: new ort.Tensor('int64', mask, shape),
    token_type_ids: new ort.Tensor('int64', segments, shape),
  };
  const named = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
  const result = await session.run(Object.fromEntries(named));
  await session.release();
  return result[output]?.data as Float32Array;
}
