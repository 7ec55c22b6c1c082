/**
 * The reliability diagram: of predictions with about one score, the share that is right, against the line on which both agree.
 *
 * The rule: the size of a dot grows with the number of its predictions, so that a bin of few is not taken for a finding.
 */
import { formatPercent } from '../core/units.js';
import { calibrationError, type ReliabilityBin } from '../metrics/index.js';
import { AXIS_STYLE, type ChartOptions, drawChart } from './chart.js';
import { ink } from './palette.js';

/** Diameter in pixels of a dot with all predictions, and of one with none. */
const [MOST, LEAST] = [22, 6] as const;

/** The diagram as SVG. `before`: the bins before a temperature was fitted, drawn behind. */
export function reliabilitySvg(
  bins: readonly ReliabilityBin[],
  options: ChartOptions = {},
  before: readonly ReliabilityBin[] = [],
): string {
  const { width = 640, height = 420, theme = 'light' } = options;
  const axis = {
    ...AXIS_STYLE,
    type: 'value',
    min: 0,
    max: 1,
    nameLocation: 'middle',
    axisLabel: { ...AXIS_STYLE.axisLabel, formatter: (value: number) => formatPercent(value, 0) },
  };
  const option = {
    grid: { left: 70, right: 26, top: 32, bottom: 56 },
    xAxis: { ...axis, name: 'score', nameGap: 32 },
    yAxis: { ...axis, name: 'share that is right', nameGap: 50 },
    series: [
      {
        type: 'line',
        name: 'calibrated',
        data: [
          [0, 0],
          [1, 1],
        ],
        showSymbol: false,
        lineStyle: { color: ink('gray'), width: 1.5, type: 'dashed' },
        itemStyle: { color: ink('gray') },
      },
      ...(before.length > 0 ? [series('before', before, ink('orange'))] : []),
      series(before.length > 0 ? 'after' : 'model', bins, ink('blue')),
    ],
    ...(before.length > 0 && {
      legend: {
        ...{ top: 0, right: 26, icon: 'circle', itemGap: 24, data: ['before', 'after'] },
        textStyle: { color: ink('muted'), fontSize: 12 },
      },
    }),
  };
  const text = { id: 'reliability', title: 'Reliability', description: inWords(bins) };
  return drawChart(option, text, { width, height, theme });
}

function series(name: string, bins: readonly ReliabilityBin[], colour: string) {
  const total = bins.reduce((sum, { count }) => sum + count, 0);
  return {
    type: 'line',
    name,
    data: bins.map(({ probability, share, count }) => ({
      value: [probability, share],
      symbolSize: LEAST + (MOST - LEAST) * Math.sqrt(count / total),
    })),
    symbol: 'circle',
    lineStyle: { color: colour, width: 1.5 },
    itemStyle: { color: colour, opacity: 0.85 },
  };
}

/** What the bins say, in a sentence. */
export function inWords(bins: readonly ReliabilityBin[]): string {
  const over = bins.reduce(
    (sum, { count, probability, share }) => sum + count * (probability - share),
    0,
  );
  const side = over > 0 ? 'too sure of itself' : 'not sure enough of itself';
  const error = `Scores and shares of right predictions are ${formatPercent(calibrationError(bins))} apart on average (calibration error)`;
  return Math.abs(over) < 1e-9 ? `${error}.` : `${error}; the model is ${side}.`;
}
