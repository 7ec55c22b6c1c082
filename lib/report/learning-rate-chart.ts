/**
 * The learning rate of every step: how long the warm-up took, and where the schedule ended.
 */
import type { ChartOptions } from './chart.js';
import { thinned } from './loss-chart.js';
import { stepSvg } from './step-chart.js';
import type { LossStep } from './types.js';

/** Steps whose learning rate is known. */
export function ratedSteps(steps: readonly LossStep[]): { step: number; rate: number }[] {
  return steps.flatMap(({ step, learningRate: rate }) =>
    rate !== undefined && Number.isFinite(rate) ? [{ step, rate }] : [],
  );
}

/** The curve as SVG. */
export function learningRateSvg(steps: readonly LossStep[], options: ChartOptions = {}): string {
  const rated = ratedSteps(steps);
  const points = thinned(rated.map(({ step, rate }) => ({ step, loss: rate })));
  const description = describe(rated);
  const lines = [{ name: 'learning rate', points, colour: 'blue' }] as const;
  const chart = { id: 'rate', title: 'Learning rate', name: 'learning rate', description };
  return stepSvg({ ...chart, lines, format: rateText }, options);
}

const rateText = (value: number): string =>
  value === 0 ? '0' : String(Number(value.toPrecision(3)));

function describe(rated: readonly { readonly step: number; readonly rate: number }[]): string {
  const most = rated.reduce((best, one) => (one.rate > best.rate ? one : best), {
    step: 0,
    rate: 0,
  });
  const end = rated.at(-1)?.rate ?? 0;
  return `The learning rate is highest in step ${most.step}, ${rateText(most.rate)}, and ${rateText(end)} in the last step.`;
}
