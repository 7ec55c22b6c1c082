/** Dropout (Srivastava et al. 2014): a training step sets numbers to 0 at random. */

import { number, training, value } from '../fields.js';
import type { OpRow } from './row.js';

/** Identity in inference. */
export interface DropoutNode {
  readonly op: 'dropout';
  readonly input: string;
  readonly probability: number;
  readonly output: string;
}

export const dropout: OpRow<DropoutNode> = {
  fields: { input: value, probability: training(number) },
  shape({ input, probability }, see) {
    if (probability >= 0 && probability < 1) return see.input(input);
    throw see.fail(`probability must be at least 0 and below 1, got ${probability}`);
  },
  columns: (keep) => keep,
  detail: ({ probability }) => String(probability),
};
