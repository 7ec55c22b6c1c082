/**
 * Size, speed and quality of everything that was tried, as dots: to the right is faster, up is better, a larger dot is a larger model.
 *
 * The rule: original, chosen and other engines are named and have forms of their own, so that the chart is readable without colours.
 */
import { formatBytes, formatNumber, formatPercent } from '../core/units.js';
import { AXIS_STYLE, type ChartOptions, clippedTo, drawChart } from './chart.js';
import type { CompressionVariant } from './compression-types.js';
import { type Colour, ink } from './palette.js';
import { scoreFormat } from './summary.js';

/** Diameters in pixels of the smallest and the largest model. */
const [LEAST, MOST] = [9, 30] as const;

interface Form {
  readonly colour: Colour;
  readonly symbol: string;
  readonly legend: string;
  /** Where its name stands: models of nearly one speed and score have names in different places. */
  readonly place: 'top' | 'right' | 'bottom';
}

const FORMS: Readonly<Record<CompressionVariant['role'], Form>> = {
  candidate: { colour: 'gray', symbol: 'circle', legend: 'tried', place: 'bottom' },
  peer: { colour: 'violet', symbol: 'diamond', legend: 'another engine', place: 'top' },
  original: { colour: 'orange', symbol: 'rect', legend: 'original', place: 'bottom' },
  chosen: { colour: 'blue', symbol: 'circle', legend: 'chosen', place: 'right' },
};

type Placed = CompressionVariant & { readonly x: number; readonly score: number };

/** Whether speeds are tokens per second, else the reciprocal of a text's median time. */
function placed(variants: readonly CompressionVariant[]): { list: Placed[]; axis: string } {
  const known = (value: number | undefined): value is number => Number.isFinite(value);
  const isRate = variants.some(({ tokensPerSecond }) => known(tokensPerSecond));
  const list = variants.flatMap((one): Placed[] => {
    const x = isRate ? one.tokensPerSecond : one.latencyMs && 1000 / one.latencyMs.p50;
    return known(x) && known(one.score) ? [{ ...one, x, score: one.score }] : [];
  });
  return { list, axis: isRate ? 'tokens per second' : 'texts per second, one at a time' };
}

/** Whether the chart can be drawn: two dots or more. */
export const hasPareto = (variants: readonly CompressionVariant[]): boolean =>
  placed(variants).list.length > 1;

/** The chart as SVG. Variants without a speed or a score have no dot. */
export function paretoSvg(
  variants: readonly CompressionVariant[],
  metric: string,
  options: ChartOptions = {},
): string {
  const { list, axis } = placed(variants);
  const isShare = scoreFormat(metric)(1).endsWith('%');
  const { width = 880, height = 440, theme = 'light' } = options;
  const most = list.reduce((max, { bytes = 0 }) => Math.max(max, bytes), 1);
  const ends = list.flatMap(({ score, interval }) => [
    score,
    ...(interval ? [interval.low, interval.high] : []),
  ]);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const room = Math.max((high - low) * 0.12, 0.002);
  const valueAxis = { ...AXIS_STYLE, type: 'value', nameLocation: 'middle' };
  const farthest = list.reduce((max, { x }) => Math.max(max, x), 0);
  const option = {
    grid: { left: 74, right: 40, top: 44, bottom: 56 },
    legend: legend(list),
    xAxis: {
      ...{ ...valueAxis, name: axis, nameGap: 32, min: 0, max: roundUp(farthest * 1.15) },
      axisLabel: {
        ...{ ...AXIS_STYLE.axisLabel, showMaxLabel: false },
        formatter: (value: number) => formatNumber(value),
      },
    },
    yAxis: {
      ...{ ...valueAxis, name: metric, nameGap: 54 },
      ...{ min: Math.max(-1, low - room), max: Math.min(1, high + room) },
      axisLabel: {
        ...AXIS_STYLE.axisLabel,
        ...{ showMinLabel: false, showMaxLabel: false },
        formatter: isShare ? (value: number) => formatPercent(value, 1) : scoreFormat(metric),
      },
    },
    series: [
      front(list),
      intervals(list),
      ...(Object.keys(FORMS) as Placed['role'][]).map((role) => dots(role, list, most)),
    ],
  };
  const text = {
    id: 'pareto',
    title: 'Size, speed and quality',
    description: inWords(list, metric),
  };
  return drawChart(option, text, { width, height, theme });
}

/** Two digits. */
function roundUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(Math.max(value, 1))) - 1);
  return Math.ceil(value / unit) * unit;
}

function legend(list: readonly Placed[]) {
  const roles = (Object.keys(FORMS) as Placed['role'][]).filter((role) =>
    list.some((one) => one.role === role),
  );
  return {
    ...{ top: 0, right: 26, itemGap: 22, itemWidth: 12, itemHeight: 12, selectedMode: false },
    textStyle: { color: ink('muted'), fontSize: 12 },
    data: roles.map((role) => ({ name: FORMS[role].legend, icon: FORMS[role].symbol })),
  };
}

function dots(role: Placed['role'], list: readonly Placed[], most: number) {
  const { colour, symbol, legend: name, place } = FORMS[role];
  const named = role !== 'candidate';
  return {
    ...{ type: 'scatter', name, symbol, z: named ? 4 : 3 },
    itemStyle: {
      ...{ color: ink(colour), opacity: named ? 0.95 : 0.6 },
      ...{ borderColor: ink('background'), borderWidth: 1.5 },
    },
    data: list
      .filter((one) => one.role === role)
      .map((one) => ({
        value: [one.x, one.score],
        symbolSize: LEAST + (MOST - LEAST) * Math.sqrt((one.bytes ?? 0) / most),
        label: {
          ...{ show: named, position: place, distance: 6, color: ink('text'), fontSize: 12 },
          ...{ backgroundColor: ink('background'), padding: [1, 3] },
          fontWeight: role === 'chosen' ? 'bold' : 'normal',
          formatter: () => clippedTo(one.name.replace(/\s+/g, ' '), 200),
        },
      })),
  };
}

/** The line through the variants that nothing else beats in speed and score at once. */
function front(list: readonly Placed[]) {
  const own = list.filter(({ role }) => role !== 'peer');
  const best = own
    .filter((one) => !own.some((other) => beats(other, one)))
    .sort((a, b) => a.x - b.x);
  return {
    ...{ type: 'line', name: 'front', step: 'end', showSymbol: false, silent: true, z: 1 },
    lineStyle: { color: ink('line'), width: 1.5, type: 'dashed' },
    data: best.length > 1 ? best.map(({ x, score }) => [x, score]) : [],
  };
}

const beats = (a: Placed, b: Placed): boolean =>
  a.x >= b.x && a.score >= b.score && (a.x > b.x || a.score > b.score);

/** Upright lines of the named variants' confidence intervals. */
function intervals(list: readonly Placed[]) {
  const shown = list.filter(({ role, interval }) => interval !== undefined && role !== 'candidate');
  return {
    ...{ type: 'custom', name: 'intervals', silent: true, z: 2 },
    data: shown.map(({ x, interval }) => [x, interval?.low, interval?.high]),
    renderItem: (
      _: unknown,
      api: { value(i: number): number; coord(point: readonly number[]): number[] },
    ) => {
      const [x = 0, low = 0] = api.coord([api.value(0), api.value(1)]);
      const [, high = 0] = api.coord([api.value(0), api.value(2)]);
      const line = (x1: number, y1: number, x2: number, y2: number) => ({
        ...{ type: 'line', shape: { x1, y1, x2, y2 } },
        style: { stroke: ink('muted'), lineWidth: 1.2, opacity: 0.75 },
      });
      const children = [line(x, low, x, high), ...[low, high].map((y) => line(x - 4, y, x + 4, y))];
      return { type: 'group', children };
    },
  };
}

function inWords(list: readonly Placed[], metric: string): string {
  return list
    .filter(({ role }) => role !== 'candidate')
    .map(({ name, x, score, bytes }) => {
      const size = bytes === undefined ? '' : `, ${formatBytes(bytes)}`;
      return `${name}: ${formatNumber(x)} at ${metric} ${scoreFormat(metric)(score)}${size}.`;
    })
    .join(' ');
}
