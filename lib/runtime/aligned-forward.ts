/**
 * Texts through a head over tokens: the logits of every token beside its place in the text.
 *
 * In pieces, so that memory is bounded by one piece and what the caller keeps.
 */

import { throwIfAborted } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeProgram } from '../native/native.js';
import type { AlignedTexts } from '../tokenize/aligned-texts.js';
import { outputWidth, type RunRequest, runBatch, trimSegments } from './forward.js';

export interface AlignedLogits {
  readonly aligned: AlignedTexts;
  /** A row per token. */
  readonly logits: Matrix;
}

/** Texts of a piece. */
export const PIECE_TEXTS = 256;

/** All tokens of `aligned` in one run. */
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
