/**
 * The loss curve: loss of every step (raw and smoothed), and loss and accuracy of each evaluation.
 *
 * The rule: the raw values are always drawn behind the smoothed line, averaged to as many points as a screen can show.
 */
import { formatPercent } from '../core/units.js';
import { AXIS_STYLE, type ChartOptions, drawChart } from './chart.js';
import { ink } from './palette.js';
import type { Evaluation, LossCurve, LossStep } from './types.js';

type Point = readonly [x: number, y: number];

const MAX_POINTS = 400;

/** Means of neighbouring steps, so that at most `limit` points remain. Steps that are not finite are left out. */
export function thinned(steps: readonly LossStep[], limit = MAX_POINTS): Point[] {
  const finite = steps.filter((one) => Number.isFinite(one.loss) && Number.isFinite(one.step));
  const size = Math.max(1, Math.ceil(finite.length / limit));
  const points: Point[] = [];
  for (let start = 0; start < finite.length; start += size) {
    const group = finite.slice(start, start + size);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    points.push([mean(group.map((one) => one.step)), mean(group.map((one) => one.loss))]);
  }
  return points;
}

/** A centred moving average over about a twenty-fifth of the points, narrower at both ends. */
export function smoothed(points: readonly Point[]): Point[] {
  const reach = Math.floor(points.length / 50);
  return points.map(([x], i) => {
    const half = Math.min(reach, i, points.length - 1 - i);
    const around = points.slice(i - half, i + half + 1);
    return [x, around.reduce((sum, [, y]) => sum + y, 0) / around.length];
  });
}

const evaluationPoints = (
  evaluations: readonly Evaluation[],
  value: (one: Evaluation) => number | undefined,
): Point[] =>
  evaluations.flatMap((one): Point[] => {
    const y = value(one);
    return y !== undefined && Number.isFinite(y) ? [[one.step, y]] : [];
  });

function lossSeries(raw: readonly Point[], evaluated: readonly Point[]) {
  const shared = { type: 'line', xAxisIndex: 0, yAxisIndex: 0 };
  const colour = ink('blue');
  return [
    {
      ...shared,
      name: 'each step',
      data: raw,
      showSymbol: false,
      lineStyle: { color: colour, width: 1, opacity: 0.35 },
      itemStyle: { color: colour, opacity: 0.35 },
    },
    {
      ...shared,
      name: 'smoothed',
      data: smoothed(raw),
      showSymbol: false,
      lineStyle: { color: colour, width: 2.25 },
      itemStyle: { color: colour },
    },
    ...(evaluated.length > 0
      ? [
          {
            ...shared,
            name: 'held-out rows',
            data: evaluated,
            symbol: 'circle',
            symbolSize: 8,
            lineStyle: { color: ink('orange'), width: 1.5, type: 'dashed' },
            itemStyle: { color: ink('orange') },
          },
        ]
      : []),
  ];
}

function accuracySeries(points: readonly Point[]) {
  return {
    type: 'line',
    xAxisIndex: 1,
    yAxisIndex: 1,
    name: 'accuracy',
    data: points,
    symbol: 'circle',
    symbolSize: 8,
    lineStyle: { color: ink('green'), width: 1.5 },
    itemStyle: { color: ink('green') },
    label: {
      show: points.length <= 12,
      position: 'top',
      distance: 6,
      color: ink('text'),
      fontSize: 11,
      formatter: ({ value }: { value: Point }) => formatPercent(value[1], 1),
    },
  };
}

function describe(raw: readonly Point[], accuracies: readonly Point[]): string {
  const first = raw[0];
  const last = smoothed(raw).at(-1);
  const loss =
    first && last
      ? `Training loss falls from ${first[1].toFixed(2)} to ${last[1].toFixed(2)} in ${Math.round(last[0])} steps.`
      : 'No loss was recorded.';
  const final = accuracies.at(-1);
  return final ? `${loss} The last evaluation has ${formatPercent(final[1], 1)} accuracy.` : loss;
}

/** The loss curve as SVG. If there are accuracies, a second panel below shows them. */
export function lossCurveSvg(curve: LossCurve, options: ChartOptions = {}): string {
  const raw = thinned(curve.steps);
  const evaluations = curve.evaluations ?? [];
  const losses = evaluationPoints(evaluations, (one) => one.loss);
  const accuracies = evaluationPoints(evaluations, (one) => one.accuracy);
  const hasAccuracy = accuracies.length > 0;
  const { width = 880, height = hasAccuracy ? 460 : 340, theme = 'light' } = options;
  const last = [...raw, ...losses, ...accuracies].reduce((most, [x]) => Math.max(most, x), 1);
  const lowerHeight = hasAccuracy ? Math.round(height * 0.24) : 0;
  const bottom = 52;
  const gap = hasAccuracy ? 46 : 0;
  const grid = { left: 62, right: 26 };
  const steps = { ...AXIS_STYLE, type: 'value', min: 0, max: last, splitLine: { show: false } };
  const name = { name: 'step', nameLocation: 'middle', nameGap: 30 };
  const baseline = { axisLine: { show: true, lineStyle: { color: ink('line') } } };
  const upper = hasAccuracy
    ? { ...steps, ...baseline, gridIndex: 0, axisLabel: { show: false } }
    : { ...steps, ...baseline, ...name, gridIndex: 0 };
  const lower = { ...steps, ...baseline, ...name, gridIndex: 1 };
  const valueAxis = { ...AXIS_STYLE, type: 'value', nameLocation: 'end', nameGap: 14 };
  const left = { align: 'left', padding: [0, 0, 0, -38] };
  const nameTextStyle = { ...AXIS_STYLE.nameTextStyle, ...left };
  const option = {
    legend: {
      top: 0,
      right: 16,
      icon: 'roundRect',
      itemWidth: 14,
      itemHeight: 4,
      itemGap: 24,
      data: ['each step', 'smoothed', ...(losses.length > 0 ? ['held-out rows'] : [])],
      textStyle: { color: ink('muted'), fontSize: 12 },
    },
    grid: [
      { ...grid, top: 40, bottom: bottom + lowerHeight + gap },
      ...(hasAccuracy ? [{ ...grid, height: lowerHeight, bottom }] : []),
    ],
    xAxis: [upper, ...(hasAccuracy ? [lower] : [])],
    yAxis: [
      { ...valueAxis, gridIndex: 0, name: 'loss', min: 0, nameTextStyle },
      ...(hasAccuracy ? [{ ...valueAxis, ...accuracyAxis(accuracies), nameTextStyle }] : []),
    ],
    series: [...lossSeries(raw, losses), ...(hasAccuracy ? [accuracySeries(accuracies)] : [])],
  };
  const text = { id: 'loss', title: 'Loss curve', description: describe(raw, accuracies) };
  return drawChart(option, text, { width, height, theme });
}

/** The accuracy axis: from a round value below the worst evaluation to 100 %, with few lines because the panel is low. */
function accuracyAxis(points: readonly Point[]) {
  const least = points.reduce((low, [, y]) => Math.min(low, y), 1);
  const min = Math.max(0, Math.floor(least * 5 - 0.2) / 5);
  return {
    gridIndex: 1,
    name: 'accuracy',
    min,
    max: 1,
    interval: (1 - min) / 2,
    axisLabel: { ...AXIS_STYLE.axisLabel, formatter: (value: number) => formatPercent(value, 0) },
  };
}
