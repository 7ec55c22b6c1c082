/** The optimizers by the names of `train`: their defaults, and which of the settings each reads. */

import type { OPTIMIZER_KINDS, OptimizerSettings } from '../native/training.js';

/** Optimizers of `train`. */
export type OptimizerKind = (typeof OPTIMIZER_KINDS)[number];

/** The settings that belong to the optimizer alone. */
export interface OptimizerNumbers {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly momentum: number;
  readonly nesterov: boolean;
}

interface OptimizerRow {
  readonly beta2: number;
  readonly epsilon: number;
  readonly settings: (numbers: OptimizerNumbers) => OptimizerSettings;
}

const moments =
  (kind: 'adamw' | 'adam' | 'lamb') =>
  ({ beta1, beta2, epsilon }: OptimizerNumbers): OptimizerSettings => ({
    kind,
    beta1,
    beta2,
    epsilon,
  });

/** Defaults of the libraries and papers that made them known. */
export const OPTIMIZERS: Readonly<Record<OptimizerKind, OptimizerRow>> = {
  adamw: { beta2: 0.999, epsilon: 1e-8, settings: moments('adamw') },
  adam: { beta2: 0.999, epsilon: 1e-8, settings: moments('adam') },
  lamb: { beta2: 0.999, epsilon: 1e-6, settings: moments('lamb') },
  lion: {
    beta2: 0.99,
    epsilon: 1e-8,
    settings: ({ beta1, beta2 }) => ({ kind: 'lion', beta1, beta2 }),
  },
  sgd: {
    beta2: 0.999,
    epsilon: 1e-8,
    settings: ({ momentum, nesterov }) => ({ kind: 'sgd', momentum, nesterov }),
  },
};
