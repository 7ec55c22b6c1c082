/**
 * The learning rate of every step: how long the warm-up took, and where the schedule ended.
 */
import { AXIS_STYLE, type ChartOptions, drawChart, ink } from './chart.js';
import { thinned } from './loss-chart.js';
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
  const { width = 880, height = 200, theme = 'light' } = options;
  const baseline = { axisLine: { show: true, lineStyle: { color: ink('line') } } };
  const last = points.reduce((most, [x]) => Math.max(most, x), 1);
  const nameTextStyle = {
    ...AXIS_STYLE.nameTextStyle,
    ...{ align: 'left', padding: [0, 0, 0, -38] },
  };
  const option = {
    grid: { left: 62, right: 26, top: 40, bottom: 52 },
    xAxis: {
      ...{ ...AXIS_STYLE, ...baseline, type: 'value', min: 0, max: last },
      ...{ splitLine: { show: false }, name: 'step', nameLocation: 'middle', nameGap: 30 },
    },
    yAxis: {
      ...{ ...AXIS_STYLE, type: 'value', min: 0, name: 'learning rate', nameTextStyle },
      ...{ nameLocation: 'end', nameGap: 14, splitNumber: 3 },
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: rateText },
    },
    series: [
      {
        ...{ type: 'line', name: 'learning rate', data: points, showSymbol: false },
        ...{ lineStyle: { color: ink('blue'), width: 2 }, itemStyle: { color: ink('blue') } },
      },
    ],
  };
  const text = { id: 'rate', title: 'Learning rate', description: describe(rated) };
  return drawChart(option, text, { width, height, theme });
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
