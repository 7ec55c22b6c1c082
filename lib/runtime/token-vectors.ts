/**
 * The vectors of the tokens of many texts, before pooling.
 *
 * Texts run some at a time, so many together as have about two million numbers: they are copied in one turn of the event loop.
 */

import { throwIfAborted } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import type { NativeProgram } from '../native/program.js';
import type { EncodedTexts, TextInput } from '../tokenize/text-tokenizer.js';
import { type ForwardRequest, forwardTokens, outputWidth } from './forward.js';
import type { ModelParts } from './model-parts.js';

/** Texts that are tokenized at once. */
const TEXTS_AT_ONCE = 256;
/** Numbers of the texts that run at once, unless a single one has more. */
const FLOATS_AT_ONCE = 1 << 21;

type TokensRequest = Pick<ForwardRequest, 'where' | 'signal' | 'priority' | 'truncate' | 'onCut'>;

/** A matrix for each text: a row per token, in memory of its own. */
export async function tokenVectors(
  program: NativeProgram,
  { graph, tokenizer }: Pick<ModelParts, 'graph' | 'tokenizer'>,
  texts: readonly TextInput[],
  { onCut, truncate, ...run }: TokensRequest,
): Promise<Matrix[]> {
  const { where, signal } = run;
  const { maxTokens } = graph;
  const width = outputWidth(graph, 'hidden');
  const found: Matrix[] = [];
  for (let first = 0; first < texts.length; first += TEXTS_AT_ONCE) {
    throwIfAborted(signal, where);
    const piece = texts.slice(first, first + TEXTS_AT_ONCE);
    const options = { maxTokens, truncate, firstIndex: first, signal, where };
    const encoded = await tokenizer.encode(piece, options);
    for (const [i, cut] of encoded.cut.entries()) if (cut === 1) onCut?.(first + i);
    for (const batch of batchesOf(encoded, FLOATS_AT_ONCE / width)) {
      const rows = await forwardTokens(program, graph, batch, { ...run, output: 'hidden' });
      for (let i = 0; i + 1 < batch.offsets.length; i++) {
        const [begin = 0, end = 0] = [batch.offsets[i], batch.offsets[i + 1]];
        const own = rows.data.slice(begin * width, end * width);
        found.push(new Matrix(own, end - begin, width));
      }
    }
  }
  return found;
}

/** Some texts at a time, at most `most` tokens unless a single one has more. */
function* batchesOf({ ids, segments, offsets }: EncodedTexts, most: number) {
  for (let begin = 0, end = 1; begin + 1 < offsets.length; begin = end) {
    const from = offsets[begin] ?? 0;
    for (end = begin + 1; end + 1 < offsets.length; end++) {
      if ((offsets[end + 1] ?? 0) - from > most) break;
    }
    const to = offsets[end] ?? 0;
    yield {
      ids: ids.subarray(from, to),
      segments: segments.subarray(from, to),
      offsets: offsets.subarray(begin, end + 1).map((offset) => offset - from),
    };
  }
}
