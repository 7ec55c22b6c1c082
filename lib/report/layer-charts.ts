/**
 * Bars, a row per layer: what it costs to compress it, and how much of it is kept; and histograms of numbers before and after.
 *
 * The rule: every bar begins at zero; what is exact is in the table beside the chart.
 */
import { formatNumber } from '../core/units.js';
import { AXIS_STYLE, type ChartOptions, clippedTo, drawChart, textWidth } from './chart.js';
import type { HistogramPair, LayerSensitivity, LayerWidths } from './compression-types.js';
import { type Colour, ink } from './palette.js';

interface Bars {
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly axis: string;
  readonly names: readonly string[];
  readonly series: readonly {
    readonly name: string;
    readonly colour: Colour;
    readonly values: readonly (number | null)[];
    readonly isBehind?: boolean;
  }[];
  readonly format: (value: number) => string;
}

const NAME_WIDTH = 230;

function barsSvg(bars: Bars, options: ChartOptions): string {
  const { names, series, format } = bars;
  const each = 26;
  const { width = 880, height = 70 + each * Math.max(2, names.length), theme = 'light' } = options;
  const shown = names.map((name) => clippedTo(name.replace(/\s+/g, ' '), NAME_WIDTH));
  const left = shown.reduce((most, name) => Math.max(most, textWidth(name)), 60) + 18;
  const option = {
    ...(series.length > 1 && {
      legend: {
        ...{ top: 0, right: 20, icon: 'roundRect', itemWidth: 14, itemHeight: 8, itemGap: 20 },
        ...{ selectedMode: false, textStyle: { color: ink('muted'), fontSize: 12 } },
      },
    }),
    grid: { left, right: 66, top: 30, bottom: 38 },
    xAxis: {
      ...{ ...AXIS_STYLE, type: 'value', name: bars.axis, nameLocation: 'middle', nameGap: 24 },
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: format },
    },
    yAxis: {
      ...{ type: 'category', inverse: true, data: shown, axisTick: { show: false } },
      axisLine: { lineStyle: { color: ink('line') }, onZero: false },
      axisLabel: { color: ink('text'), fontSize: 12, interval: 0, margin: 10 },
    },
    series: series.map(({ name, colour, values, isBehind = false }) => ({
      ...{ type: 'bar', name, barWidth: 13, barGap: '-100%' },
      data: values.map((value) => ({
        value: value ?? '-',
        label: { position: value !== null && value < 0 ? 'left' : 'right' },
      })),
      itemStyle: { color: ink(colour), opacity: isBehind ? 0.35 : 1, borderRadius: 2 },
      label: {
        ...{ show: !isBehind, color: ink('text'), fontSize: 11.5 },
        formatter: ({ value }: { value: unknown }) =>
          typeof value === 'number' ? format(value) : '',
      },
    })),
  };
  const { id, title, description } = bars;
  return drawChart(option, { id, title, description }, { width, height, theme });
}

const points = (value: number): string => `${(value * 100).toFixed(2)}`;

/** The score that each layer costs alone, as bars. */
export function sensitivitySvg(
  layers: readonly LayerSensitivity[],
  metric: string,
  options: ChartOptions = {},
): string {
  const [worst] = layers;
  return barsSvg(
    {
      ...{ id: 'sensitivity', title: 'Sensitivity of layers', axis: `points of ${metric} lost` },
      description: worst
        ? `Compressing ${worst.name} alone costs most: ${points(worst.drop)} points.`
        : 'No layer was measured.',
      names: layers.map(({ name }) => name),
      series: [{ name: 'lost', colour: 'blue', values: layers.map(({ drop }) => drop) }],
      format: points,
    },
    options,
  );
}

/** Heads or neurons of each layer: those of the original behind those that are kept. */
export function widthsSvg(
  layers: readonly LayerWidths[],
  kind: 'heads' | 'neurons',
  options: ChartOptions = {},
): string {
  const sum = (of: 'original' | 'kept'): number =>
    layers.reduce((total, layer) => total + (layer[kind]?.[of] ?? 0), 0);
  const values = (of: 'original' | 'kept') => layers.map((layer) => layer[kind]?.[of] ?? null);
  return barsSvg(
    {
      ...{ id: `kept-${kind}`, title: `${kind} kept`, axis: `${kind} of each layer` },
      description: `${formatNumber(sum('kept'))} of ${formatNumber(sum('original'))} ${kind} are kept.`,
      names: layers.map(({ name }) => name),
      series: [
        { name: 'original', colour: 'gray', values: values('original'), isBehind: true },
        { name: 'kept', colour: 'blue', values: values('kept') },
      ],
      format: (value) => formatNumber(value),
    },
    options,
  );
}

/** One histogram: before as an area, after as a line. Counts are on a logarithmic scale, because tails are what matters. */
export function histogramSvg(pair: HistogramPair, id: string, options: ChartOptions = {}): string {
  const { name, kind, low, high, before, after } = pair;
  const { width = 430, height = 210, theme = 'light' } = options;
  const step = (high - low) / Math.max(1, before.length);
  const line = (counts: readonly number[]) =>
    counts.map((count, i) => [low + (i + 0.5) * step, Math.log10(1 + Math.max(0, count))]);
  const option = {
    legend: {
      ...{ top: 0, right: 10, icon: 'roundRect', itemWidth: 14, itemHeight: 5, itemGap: 16 },
      ...{ selectedMode: false, textStyle: { color: ink('muted'), fontSize: 12 } },
    },
    grid: { left: 78, right: 18, top: 34, bottom: 42 },
    xAxis: {
      ...{ ...AXIS_STYLE, type: 'value', min: low, max: high, splitLine: { show: false } },
      ...{ name: `${kind} values`, nameLocation: 'middle', nameGap: 26, splitNumber: 4 },
      axisLabel: {
        ...{ ...AXIS_STYLE.axisLabel, showMinLabel: false, showMaxLabel: false },
        formatter: (value: number) => String(Number(value.toPrecision(2))),
      },
    },
    yAxis: {
      ...{ ...AXIS_STYLE, type: 'value', min: 0, minInterval: 1, splitNumber: 3 },
      axisLabel: {
        ...AXIS_STYLE.axisLabel,
        formatter: (value: number) => (value === 0 ? '0' : formatNumber(10 ** value)),
      },
    },
    series: [
      {
        ...{ type: 'line', name: 'before', step: 'middle', showSymbol: false, data: line(before) },
        ...{ lineStyle: { width: 0 }, itemStyle: { color: ink('gray') } },
        areaStyle: { color: ink('gray'), opacity: 0.45 },
      },
      {
        ...{ type: 'line', name: 'after', step: 'middle', showSymbol: false, data: line(after) },
        ...{ lineStyle: { width: 1.6, color: ink('blue') }, itemStyle: { color: ink('blue') } },
      },
    ],
  };
  const text = {
    ...{ id, title: name },
    description: `Numbers of ${name} from ${low.toPrecision(3)} to ${high.toPrecision(3)}, before and after; counts on a logarithmic scale.`,
  };
  return drawChart(option, text, { width, height, theme });
}
