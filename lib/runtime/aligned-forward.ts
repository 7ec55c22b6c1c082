/**
 * Runs texts through a head over tokens: the logits of every token, with its position in the text.
 *
 * It works in pieces, so that memory is bounded by one piece and the results that the caller keeps.
 */

import { throwIfAborted } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';
import { outputWidth, type RunRequest, runBatch, trimSegments } from './forward.js';

export interface AlignedLogits {
  readonly aligned: AlignedTexts;
  /** A row per token. */
  readonly logits: Matrix;
}

/** Texts per piece. */
export const PIECE_TEXTS = 256;

/** Runs all tokens of `aligned` at once. */
export async function forwardAligned(
  program: NativeProgram,
  graph: EncoderGraph,
  aligned: AlignedTexts,
  request: RunRequest,
): Promise<AlignedLogits> {
  throwIfAborted(request.signal, request.where);
  const logits = Matrix.zeros(aligned.ids.length, outputWidth(graph, 'logits'));
  await runBatch(program, trimSegments(graph, aligned), 'logits', logits.data, request);
  return { aligned, logits };
}
