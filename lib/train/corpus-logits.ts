/**
 * The logits or vectors of all texts of a corpus, for a loss or a score.
 *
 * They are computed in pieces, so that an abort takes effect between two pieces.
 */

import { Matrix } from '../core/matrix.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import { isPerToken, outputWidth, runBatch } from '../runtime/forward.js';
import type { Corpus } from './corpus.js';

/** Texts per run: enough for many micro-batches, few enough that an abort takes effect soon. */
const PIECE_TEXTS = 1024;

interface CorpusCall {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  /** Tokens at the start of every text that poolings leave out. Default: 0. */
  readonly unpooled?: number;
}

/** The logits: a matrix with a row per text, or per token if the head is over tokens. */
export function corpusLogits(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Corpus,
  options: CorpusCall,
): Promise<Matrix> {
  return corpusOutput(program, graph, corpus, 'logits', options);
}

/** A matrix with a row per text, or per token if the output has one for each. */
export async function corpusOutput(
  program: NativeProgram,
  graph: EncoderGraph,
  corpus: Corpus,
  output: OutputName,
  { unpooled = 0, ...options }: CorpusCall,
): Promise<Matrix> {
  const perToken = isPerToken(graph, output);
  const rows = perToken ? corpus.tokenCount : corpus.size;
  const values = Matrix.zeros(rows, outputWidth(graph, output));
  let row = 0;
  for (let begin = 0; begin < corpus.size; begin += PIECE_TEXTS) {
    const end = Math.min(begin + PIECE_TEXTS, corpus.size);
    const { tokens } = corpus.slice(begin, end);
    const next = row + (perToken ? tokens.ids.length : end - begin);
    const data = values.data.subarray(row * values.cols, next * values.cols);
    await runBatch(program, { ...tokens, unpooled }, output, data, options);
    row = next;
  }
  return values;
}
