/**
 * Compares a smaller model with its original, block by block: how far the residual stream is off on some texts.
 */

import { inTurns, type Steps, Turn } from '../core/turns.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import { programOver } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { blockPairs, checkTexts, numbersOf, type RunningModel } from './reconstruct.js';

/** The error of one block's sum. */
export interface BlockError {
  /** The name of the sum in the graph. */
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
  const values = (side: 'own' | 'theirs') =>
    new Set(pairs.flatMap((pair) => [pair[side].added, pair[side].residual]));
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
          const a = [numbersOf(here, own.added), numbersOf(here, own.residual)] as const;
          const b = [numbersOf(there, theirs.added), numbersOf(there, theirs.residual)] as const;
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

type Sum = readonly [added: Float32Array, residual: Float32Array];

/** Numbers between two looks at the clock. */
const STEP = 1 << 16;

function* addErrors([a, aRest]: Sum, [b, bRest]: Sum, to: Totals): Steps<void> {
  for (let i = 0; i < b.length; i++) {
    const wanted = (b[i] as number) + (bRest[i] as number);
    const difference = (a[i] as number) + (aRest[i] as number) - wanted;
    to.error += difference * difference;
    to.size += wanted * wanted;
    if (i % STEP === STEP - 1) yield;
  }
}
