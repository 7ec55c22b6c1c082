/**
 * Lines over the steps of a training: a rate, a norm, scores, or the same quantity of several runs.
 *
 * The rule: lines of more points than a screen can show are thinned by the caller; gaps are never drawn as values.
 */
import { AXIS_STYLE, type ChartOptions, drawChart } from './chart.js';
import { type Colour, ink } from './palette.js';

export type Point = readonly [x: number, y: number];

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
  readonly colour: Colour;
  /** Marks each point, for values that are few. Default: false. */
  readonly hasDots?: boolean;
  readonly isDashed?: boolean;
}

export interface StepChart {
  /** Unique in its page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Name of the values. */
  readonly name: string;
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  /** Least value of the axis; left out: by the values. Default: 0. */
  readonly min?: number | undefined;
  readonly max?: number;
}

/** Colours of runs and scores, in their order. */
export const LINE_COLOURS: readonly Colour[] = [
  ...(['blue', 'orange', 'green', 'violet', 'red', 'teal'] as const),
];

export const lineColour = (i: number): Colour => LINE_COLOURS[i % LINE_COLOURS.length] ?? 'blue';

/** Ends of an axis of shares: round values around the lines, so that they use its height. */
export function shareAxis(values: readonly number[]): { min: number; max: number } {
  const least = values.reduce((low, value) => Math.min(low, value), 1);
  const most = values.reduce((high, value) => Math.max(high, value), 0);
  const min = Math.max(0, Math.floor(least * 5 - 0.2) / 5);
  return { min, max: Math.min(1, Math.ceil(most * 5 + 0.2) / 5) };
}

/** The lines as SVG, with a legend where there are several. */
export function stepSvg(chart: StepChart, options: ChartOptions = {}): string {
  const { lines, name, format } = chart;
  const { width = 880, height = 200, theme = 'light' } = options;
  const baseline = { axisLine: { show: true, lineStyle: { color: ink('line') } } };
  const last = lines
    .flatMap(({ points }) => points)
    .reduce((most, [x]) => Math.max(most, Math.ceil(x)), 1);
  const left = { align: 'left', padding: [0, 0, 0, -38] };
  const min = 'min' in chart ? chart.min : 0;
  const hasLegend = lines.length > 1;
  const option = {
    ...(hasLegend && { legend: legendOf(lines) }),
    grid: { left: 62, right: 26, top: 40, bottom: 52 },
    xAxis: {
      ...{ ...AXIS_STYLE, ...baseline, type: 'value', min: 0, max: last },
      ...{ splitLine: { show: false }, name: 'step', nameLocation: 'middle', nameGap: 30 },
    },
    yAxis: {
      ...{ ...AXIS_STYLE, type: 'value', name, nameLocation: 'end', nameGap: 14, splitNumber: 3 },
      ...{ nameTextStyle: { ...AXIS_STYLE.nameTextStyle, ...left } },
      ...(min === undefined ? { scale: true } : { min }),
      ...(chart.max !== undefined && { max: chart.max }),
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: format },
    },
    series: lines.map(seriesOf),
  };
  return drawChart(option, chart, { width, height, theme });
}

function seriesOf({ name, points, colour, hasDots = false, isDashed = false }: Line) {
  return {
    ...{ type: 'line', name, data: points, showSymbol: hasDots, symbol: 'circle', symbolSize: 7 },
    lineStyle: { color: ink(colour), width: 2, ...(isDashed && { type: 'dashed' }) },
    itemStyle: { color: ink(colour) },
  };
}

/** The legend of lines, at the top right. */
export function legendOf(lines: readonly Pick<Line, 'name'>[]) {
  return {
    ...{ top: 0, right: 16, icon: 'roundRect', itemWidth: 14, itemHeight: 4, itemGap: 24 },
    ...{ type: 'plain', width: 560 },
    data: lines.map(({ name }) => name),
    textStyle: { color: ink('muted'), fontSize: 12 },
  };
}
