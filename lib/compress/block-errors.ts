/**
 * Compares a smaller model with its original, block by block: how far the residual stream is off on some texts.
 *
 * The rule: what is compared is what the next block reads. Where a norm ends the block that is the norm's output, in which a few huge
 * numbers of the sum before it count as little as they do in the model.
 */

import { inTurns, type Steps, Turn } from '../core/turns.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import { programOver } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { blockPairs, checkTexts, numbersOf, type RunningModel } from './reconstruct.js';

/** The error of what one block gives. */
export interface BlockError {
  /** The name of the value in the graph. */
  readonly block: string;
  /** ||own - original||^2 / ||original||^2 over all tokens of the texts. */
  readonly error: number;
}

/** The errors of all blocks of `student`, in the order in which they run. */
export async function blockErrors(
  where: string,
  student: RunningModel,
  original: RunningModel,
  options: { readonly texts: readonly TextInput[]; readonly signal?: AbortSignal },
): Promise<readonly BlockError[]> {
  const { texts, signal } = options;
  checkTexts(where, texts);
  const pairs = blockPairs(where, student.parts.graph, original.parts.graph);
  const values = (side: 'own' | 'theirs') => new Set(pairs.map((pair) => pair[side].sum));
  const mine = offeringValues(student.parts.graph, values('own'));
  const wanted = offeringValues(original.parts.graph, values('theirs'));
  const run = { trainable: false, where, signal };
  const reading = { where, tokenizer: original.parts.tokenizer, graphs: [mine, wanted], signal };
  const totals = pairs.map(() => ({ error: 0, size: 0 }));
  const first = await programOver(mine, student.program.store, run);
  try {
    const second = await programOver(wanted, original.program.store, run);
    try {
      for await (const batch of textBatches(texts, reading)) {
        const here = await runOutputs(reading, mine, first, batch);
        const there = await runOutputs(reading, wanted, second, batch);
        const turn = new Turn();
        for (const [i, { own, theirs }] of pairs.entries()) {
          const [a, b] = [numbersOf(here, own.sum), numbersOf(there, theirs.sum)];
          await inTurns(addErrors(a, b, totals[i] as Totals), turn);
        }
      }
    } finally {
      second.dispose();
    }
  } finally {
    first.dispose();
  }
  return pairs.map(({ own }, i) => {
    const { error, size } = totals[i] as Totals;
    return { block: own.sum, error: size === 0 ? 0 : error / size };
  });
}

interface Totals {
  error: number;
  size: number;
}

/** Numbers between two looks at the clock. */
const STEP = 1 << 16;

function* addErrors(own: Float32Array, wanted: Float32Array, to: Totals): Steps<void> {
  for (let i = 0; i < wanted.length; i++) {
    const difference = (own[i] as number) - (wanted[i] as number);
    to.error += difference * difference;
    to.size += (wanted[i] as number) ** 2;
    if (i % STEP === STEP - 1) yield;
  }
}
