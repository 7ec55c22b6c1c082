/**
 * Size, speed and accuracy of every variant: one panel of bars per quantity, one row per variant.
 *
 * The rule: every bar begins at zero and is labelled with its value; a missing measurement has no bar.
 */
import { formatBytes, formatNumber, formatPercent } from '../core/units.js';
import { type ChartOptions, drawChart, textWidth } from './chart.js';
import { ink } from './palette.js';
import type { VariantResult } from './types.js';

interface Quantity {
  readonly title: string;
  readonly value: (variant: VariantResult) => number | undefined;
  readonly format: (value: number) => string;
  readonly max?: number;
}

const QUANTITIES: readonly Quantity[] = [
  { title: 'size', value: (one) => one.bytes, format: formatBytes },
  { title: 'tokens / s', value: (one) => one.tokensPerSecond, format: (v) => formatNumber(v) },
  { title: 'accuracy', value: (one) => one.accuracy, format: (v) => formatPercent(v), max: 1 },
];

const known = (value: number | undefined): value is number =>
  value !== undefined && Number.isFinite(value);

function panel(
  quantity: Quantity,
  variants: readonly VariantResult[],
  index: number,
  nameWidth: number,
) {
  const values = variants.map(quantity.value);
  const most = values.reduce<number>(
    (max, value) => (known(value) ? Math.max(max, value) : max),
    0,
  );
  return {
    xAxis: {
      type: 'value',
      gridIndex: index,
      min: 0,
      max: quantity.max ?? (most > 0 ? most : 1),
      show: false,
    },
    yAxis: {
      type: 'category',
      gridIndex: index,
      inverse: true,
      data: variants.map((variant) => variant.name),
      axisLine: { lineStyle: { color: ink('line') } },
      axisTick: { show: false },
      axisLabel: {
        show: index === 0,
        color: ink('text'),
        fontSize: 13,
        interval: 0,
        margin: 12,
        width: nameWidth - 16,
        overflow: 'truncate',
      },
    },
    series: {
      type: 'bar',
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 18,
      data: variants.map((variant, i) => ({
        value: known(values[i]) ? values[i] : '-',
        itemStyle: { color: ink(variant.isPeer ? 'gray' : 'blue'), borderRadius: [0, 3, 3, 0] },
      })),
      label: {
        show: true,
        position: 'right',
        color: ink('text'),
        fontSize: 12,
        formatter: ({ value }: { value: unknown }) =>
          typeof value === 'number' ? quantity.format(value) : '',
      },
    },
  };
}

function describe(variants: readonly VariantResult[], shown: readonly Quantity[]): string {
  const sentences = variants.map((variant) => {
    const values = shown.flatMap((quantity) => {
      const value = quantity.value(variant);
      return known(value) ? [`${quantity.title} ${quantity.format(value)}`] : [];
    });
    return `${variant.name}: ${values.join(', ') || 'not measured'}.`;
  });
  return sentences.join(' ');
}

/** The chart as SVG. Quantities that no variant has are left out. */
export function variantsSvg(
  variants: readonly VariantResult[],
  options: ChartOptions = {},
): string {
  const shown = QUANTITIES.filter((quantity) => variants.some((one) => known(quantity.value(one))));
  const { width = 880, height = 62 + 40 * variants.length, theme = 'light' } = options;
  const nameWidth = Math.min(
    width * 0.3,
    variants.reduce((most, one) => Math.max(most, textWidth(one.name)), 40) + 20,
  );
  const valueRoom = 72;
  const each = (width - nameWidth) / Math.max(1, shown.length);
  const panels = shown.map((quantity, i) => panel(quantity, variants, i, nameWidth));
  const option = {
    title: shown.map((quantity, i) => ({
      text: quantity.title,
      left: Math.round(nameWidth + i * each),
      top: 6,
      padding: 0,
      textStyle: { color: ink('muted'), fontSize: 12, fontWeight: 'normal' },
    })),
    grid: shown.map((_, i) => ({
      left: Math.round(nameWidth + i * each),
      width: Math.max(20, Math.round(each - valueRoom)),
      top: 30,
      bottom: 14,
    })),
    xAxis: panels.map((one) => one.xAxis),
    yAxis: panels.map((one) => one.yAxis),
    series: panels.map((one) => one.series),
  };
  const title = 'Size, speed and accuracy of each variant';
  const text = { id: 'variants', title, description: describe(variants, shown) };
  return drawChart(option, text, { width, height, theme });
}
