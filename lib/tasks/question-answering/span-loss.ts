/** The training loss of question answering, computed from logits. */

import type { Matrix } from '../../core/matrix.js';
import { makeInTurns } from '../../core/turns.js';
import { logSumExp } from '../../metrics/logits.js';
import type { Corpus } from '../../train/corpus.js';

/** Texts that are computed before the event loop turns: less than a millisecond. */
const TEXTS_PER_TURN = 64;

/**
 * Cross entropy of the true start and of the true end over the tokens of each text; the mean of both and of all texts.
 * `logits` are [tokens, 2].
 */
export async function meanSpanLoss(logits: Matrix, corpus: Corpus): Promise<number> {
  let token = 0;
  const losses = await makeInTurns(corpus.size, TEXTS_PER_TURN, (text) => {
    const length = corpus.lengthOf(text);
    let loss = 0;
    for (const which of [0, 1] as const) {
      const column = new Float32Array(length);
      for (let i = 0; i < length; i++) {
        column[i] = logits.data[(token + i) * logits.cols + which] ?? 0;
      }
      const label = corpus.targets.values[2 * text + which] ?? 0;
      loss += logSumExp(column) - (column[label] ?? Number.NaN);
    }
    token += length;
    return loss;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / (2 * corpus.size);
}
