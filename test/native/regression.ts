// Logistic regression in float64, written out: softmax, its cross entropy, AdamW. What a graph of features is held against.
// Rule: it shares nothing with the library.

import type { TrainerSettings } from '../../lib/native/training.js';

export class Regression {
  readonly weights: ReadonlyMap<string, Float64Array>;
  private readonly width: number;
  private readonly labels: number;
  private readonly settings: TrainerSettings;
  private readonly moments = new Map<string, readonly [Float64Array, Float64Array]>();
  private steps = 0;

  /** `weights`: scores.weight [labels, width] and scores.bias [labels]; none of them decays. */
  constructor(
    width: number,
    labels: number,
    weights: ReadonlyMap<string, Float32Array>,
    settings: TrainerSettings,
  ) {
    this.width = width;
    this.labels = labels;
    this.settings = settings;
    this.weights = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));
    for (const [name, { length }] of this.weights)
      this.moments.set(name, [new Float64Array(length), new Float64Array(length)]);
  }

  /** One step over all texts; returns the loss before it. */
  step(features: Float32Array, answers: Int32Array, learningRate: number): number {
    const { width, labels } = this;
    const weight = this.weights.get('scores.weight') as Float64Array;
    const bias = this.weights.get('scores.bias') as Float64Array;
    const byWeight = new Float64Array(weight.length);
    const byBias = new Float64Array(bias.length);
    let loss = 0;
    answers.forEach((answer, text) => {
      const row = features.subarray(text * width, (text + 1) * width);
      const logits = Array.from(bias, (b, label) =>
        row.reduce((sum, value, i) => sum + value * (weight[label * width + i] as number), b),
      );
      const top = Math.max(...logits);
      const powers = logits.map((logit) => Math.exp(logit - top));
      const total = powers.reduce((a, b) => a + b);
      loss += Math.log(total) - ((logits[answer] as number) - top);
      for (let label = 0; label < labels; label++) {
        const error = (powers[label] as number) / total - (label === answer ? 1 : 0);
        byBias[label] = (byBias[label] as number) + error / answers.length;
        row.forEach((value, i) => {
          const at = label * width + i;
          byWeight[at] = (byWeight[at] as number) + (error * value) / answers.length;
        });
      }
    });
    this.steps += 1;
    this.update('scores.weight', byWeight, learningRate);
    this.update('scores.bias', byBias, learningRate);
    return loss / answers.length;
  }

  private update(name: string, gradient: Float64Array, learningRate: number): void {
    const { optimizer } = this.settings;
    if (optimizer.kind !== 'adamw') throw new Error('only AdamW is written out here');
    const { beta1, beta2, epsilon } = optimizer;
    const values = this.weights.get(name) as Float64Array;
    const [mean, square] = this.moments.get(name) as readonly [Float64Array, Float64Array];
    gradient.forEach((g, i) => {
      const m = beta1 * (mean[i] as number) + (1 - beta1) * g;
      const v = beta2 * (square[i] as number) + (1 - beta2) * g * g;
      mean[i] = m;
      square[i] = v;
      const corrected = Math.sqrt(v / (1 - beta2 ** this.steps)) + epsilon;
      const change = (learningRate * m) / (1 - beta1 ** this.steps) / corrected;
      values[i] = (values[i] as number) - change;
    });
  }
}
