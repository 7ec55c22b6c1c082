/**
 * Lines over the last minutes: rates, durations, lengths of queues.
 *
 * The rule: the axis ends now and counts back, so that the page needs no time zone; minutes without a value are gaps.
 */
import { AXIS_STYLE, type ChartOptions, drawChart } from './chart.js';
import { type Colour, ink } from './palette.js';
import { legendOf } from './step-chart.js';

export interface TimeLine {
  readonly name: string;
  /** One value per minute, the running minute last; null is a gap. */
  readonly values: readonly (number | null)[];
  readonly colour: Colour;
  /** Fills the area below the line. Default: false. */
  readonly isFilled?: boolean;
}

export interface TimeChart {
  /** Unique in its page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Name of the values. */
  readonly name: string;
  readonly lines: readonly TimeLine[];
  readonly format: (value: number) => string;
  /** Largest value of the axis. Default: by the values. */
  readonly max?: number;
}

/** The lines as SVG, with a legend where there are several. */
export function timeSvg(chart: TimeChart, options: ChartOptions = {}): string {
  const { lines, name, format, max } = chart;
  const { width = 880, height = 200, theme = 'light' } = options;
  const minutes = lines.reduce((most, { values }) => Math.max(most, values.length), 2);
  const left = { align: 'left', padding: [0, 0, 0, -46] };
  const option = {
    ...(lines.length > 1 && { legend: legendOf(lines) }),
    grid: { left: 70, right: 26, top: 40, bottom: 30 },
    xAxis: {
      ...{ ...AXIS_STYLE, type: 'value', min: -minutes, max: 0, splitLine: { show: false } },
      axisLine: { show: true, lineStyle: { color: ink('line') } },
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: minutesAgo },
      interval: Math.max(1, Math.round(minutes / 6)),
    },
    yAxis: {
      ...{ ...AXIS_STYLE, type: 'value', name, nameLocation: 'end', nameGap: 14, splitNumber: 3 },
      ...{ min: 0, ...(max !== undefined && { max }) },
      // The other axis ends at 0, where this one would stand.
      axisLine: { show: false, onZero: false },
      nameTextStyle: { ...AXIS_STYLE.nameTextStyle, ...left },
      axisLabel: { ...AXIS_STYLE.axisLabel, formatter: format },
    },
    series: lines.map(seriesOf),
  };
  return drawChart(option, chart, { width, height, theme });
}

function minutesAgo(minute: number): string {
  return minute === 0 ? 'now' : `${Math.round(-minute)} min ago`;
}

function seriesOf({ name, values, colour, isFilled = false }: TimeLine) {
  const data = values.map((value, i) => [i + 1 - values.length, value]);
  // A value between two gaps has no line, so it is shown as a dot.
  const isAlone = (i: number) =>
    (values[i - 1] ?? null) === null && (values[i + 1] ?? null) === null;
  return {
    ...{ type: 'line', name, data, symbol: 'circle', showSymbol: true },
    symbolSize: (_: unknown, { dataIndex }: { readonly dataIndex: number }) =>
      isAlone(dataIndex) ? 5 : 0,
    lineStyle: { color: ink(colour), width: 2 },
    itemStyle: { color: ink(colour) },
    ...(isFilled && { areaStyle: { color: ink(colour), opacity: 0.15 } }),
  };
}
