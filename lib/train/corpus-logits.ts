/**
 * The logits of all texts of a corpus, for a loss or a score.
 *
 * They are computed in pieces, so that an abort takes effect between two pieces.
 */

import { Matrix } from '../core/matrix.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/native.js';
import { isPerToken, outputWidth, runBatch } from '../runtime/forward.js';
import type { Corpus } from './corpus.js';

/** Texts per run: enough for many micro-batches, few enough that an abort takes effect soon. */
const PIECE_TEXTS = 1024;

/** A matrix with a row per text, or per token if the head is over tokens. */
export async function corpusLogits(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Corpus,
  options: { readonly where: string; readonly signal: AbortSignal | undefined },
): Promise<Matrix> {
  const perToken = isPerToken(graph, 'logits');
  const rows = perToken ? corpus.tokenCount : corpus.size;
  const logits = Matrix.zeros(rows, outputWidth(graph, 'logits'));
  let row = 0;
  for (let begin = 0; begin < corpus.size; begin += PIECE_TEXTS) {
    const end = Math.min(begin + PIECE_TEXTS, corpus.size);
    const { tokens } = corpus.slice(begin, end);
    const next = row + (perToken ? tokens.ids.length : end - begin);
    const data = logits.data.subarray(row * logits.cols, next * logits.cols);
    await runBatch(program, tokens, 'logits', data, options);
    row = next;
  }
  return logits;
}
