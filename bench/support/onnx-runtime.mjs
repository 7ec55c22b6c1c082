// onnxruntime-node at its best: texts are sorted by length before they are cut into batches, all graph optimisations are on,
// the number of threads is the same, and inputs are prepared outside the timed part.
import ort from 'onnxruntime-node';

/** Opens an .onnx file on `threads` threads. */
export async function openSession(path, threads) {
  return ort.InferenceSession.create(path, {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
}

/**
 * A function that encodes the whole batch once, `size` texts at a time, and returns [texts, hidden] in the order of the texts.
 * It takes the pooled output of the file where there is one, and else pools (mean) the hidden states.
 */
export function ortRunner(session, batch, hidden, size) {
  const data = new Float32Array(batch.lengths.length * hidden);
  const groups = sortedBatches(batch.lengths, size).map((rows) => ({
    rows,
    feeds: feeds(session, batch, rows),
  }));
  const pooled = session.outputNames.includes('sentence_embedding');
  const output = pooled ? 'sentence_embedding' : session.outputNames[0];
  return async () => {
    for (const { rows, feeds } of groups) {
      const result = (await session.run(feeds, [output]))[output];
      const width = pooled ? hidden : result.dims[1] * hidden;
      for (const [r, index] of rows.entries()) {
        const values = result.data.subarray(r * width, (r + 1) * width);
        const target = data.subarray(index * hidden, (index + 1) * hidden);
        if (pooled) target.set(values);
        else meanAndNormalize(values, batch.lengths[index], target);
      }
      result.dispose();
    }
    return data;
  };
}

/** The tensors of some texts, padded on the right to the longest of them. */
function feeds(session, { ids, offsets, lengths }, rows) {
  const longest = Math.max(...rows.map((i) => lengths[i]));
  const inputIds = new BigInt64Array(rows.length * longest);
  const mask = new BigInt64Array(rows.length * longest);
  for (const [r, i] of rows.entries()) {
    for (let t = 0; t < lengths[i]; t++) {
      inputIds[r * longest + t] = BigInt(ids[offsets[i] + t]);
      mask[r * longest + t] = 1n;
    }
  }
  const types = new BigInt64Array(rows.length * longest);
  const all = { input_ids: inputIds, attention_mask: mask, token_type_ids: types };
  const shape = [rows.length, longest];
  return Object.fromEntries(
    session.inputNames.map((name) => [name, new ort.Tensor('int64', all[name], shape)]),
  );
}

/** Indices of texts in batches, shortest texts first. */
function sortedBatches(lengths, size) {
  const order = [...lengths.keys()].sort((a, b) => lengths[a] - lengths[b] || a - b);
  const count = Math.ceil(order.length / size);
  return Array.from({ length: count }, (_, b) => order.slice(b * size, (b + 1) * size));
}

/** target <- the normalized mean of the first `length` rows of `states`. */
function meanAndNormalize(states, length, target) {
  const width = target.length;
  target.fill(0);
  for (let t = 0; t < length; t++) {
    for (let k = 0; k < width; k++) target[k] += states[t * width + k];
  }
  let squares = 0;
  for (const value of target) squares += value * value;
  const scale = 1 / Math.sqrt(squares);
  for (let k = 0; k < width; k++) target[k] *= scale;
}
