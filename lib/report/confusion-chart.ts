/**
 * The confusion matrix as a heat map of the labels that are confused most.
 *
 * The rule: the colour of a cell is its share of its row (the true label), counted over all labels, whether shown or not.
 */
import { formatPercent } from '../core/units.js';
import { type Confusion, topConfusions } from '../metrics/index.js';
import { type ChartOptions, clippedTo, drawChart, textWidth } from './chart.js';
import { ink } from './palette.js';
import type { ConfusionData } from './types.js';

const MAX_LABELS = 14;
const MOST_WIDTH = 880;

/** All labels if they are few; else those of the most frequent confusions, with confused labels side by side. */
export function shownLabels(confusion: ConfusionData, limit = MAX_LABELS): string[] {
  if (confusion.labels.length <= limit) return [...confusion.labels];
  const chosen = new Set<string>();
  for (const { truth, predicted } of mostConfused(confusion)) {
    const added = Number(!chosen.has(truth)) + Number(!chosen.has(predicted));
    if (chosen.size + added > limit) continue;
    chosen.add(truth);
    chosen.add(predicted);
  }
  return [...chosen];
}

/** The confusions, most frequent first; all of them without a limit. */
export function mostConfused(confusion: ConfusionData, limit?: number): Confusion<string>[] {
  return topConfusions({ labels: confusion.labels, values: confusion.values }, limit);
}

interface Cell {
  readonly column: number;
  readonly row: number;
  readonly count: number;
  readonly share: number;
}

function cellsOf(confusion: ConfusionData, labels: readonly string[]): Cell[] {
  const index = labels.map((label) => confusion.labels.indexOf(label));
  return index.flatMap((i, row) => {
    const values = confusion.values[i] ?? [];
    const support = values.reduce((a, b) => a + b, 0);
    return index.map((j, column) => {
      const count = values[j] ?? 0;
      return { column, row, count, share: support > 0 ? count / support : 0 };
    });
  });
}

interface CellApi {
  coord(point: readonly number[]): number[];
  size(point: readonly number[]): number[];
}

/** The colour of a count on a cell, so that it is legible in both themes. */
function textOn(opacity: number) {
  if (opacity > 0.86) return 'background';
  return opacity > 0.62 ? 'onMiddle' : 'text';
}

/** A square with its count: blue on the diagonal, orange elsewhere, stronger for a larger share. */
function drawCell(cell: Cell | undefined, api: CellApi) {
  if (cell === undefined) return null;
  const [x = 0, y = 0] = api.coord([cell.column, cell.row]);
  const [width = 0, height = 0] = api.size([1, 1]);
  const isRight = cell.row === cell.column;
  const shape = {
    x: x - width / 2 + 1,
    y: y - height / 2 + 1,
    width: width - 2,
    height: height - 2,
  };
  const opacity = 0.12 + 0.88 * Math.min(1, isRight ? cell.share : cell.share * 1.6);
  const fill = cell.count === 0 ? ink('grid') : ink(isRight ? 'blue' : 'orange');
  const square = {
    type: 'rect',
    shape: { ...shape, r: 3 },
    style: { fill, opacity: cell.count === 0 ? 0.45 : opacity },
  };
  if (cell.count === 0) return square;
  const text = {
    type: 'text',
    style: {
      text: String(cell.count),
      x,
      y,
      fill: ink(textOn(opacity)),
      textAlign: 'center',
      textVerticalAlign: 'middle',
      fontSize: 12,
    },
  };
  return { type: 'group', children: [square, text] };
}

/** Pixels for a label; the tables of a report have it in full. */
const LABEL_WIDTH = 210;

/** A label in one line of at most LABEL_WIDTH. */
const nameOf = (label: string): string => clippedTo(label.replace(/\s+/g, ' '), LABEL_WIDTH);

/** The heat map as SVG. Columns are labelled with the numbers of the rows. */
export function confusionSvg(confusion: ConfusionData, options: ChartOptions = {}): string {
  const labels = shownLabels(confusion);
  const cells = cellsOf(confusion, labels);
  const { height = 70 + 32 * Math.max(2, labels.length), theme = 'light' } = options;
  const axis = {
    type: 'category',
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { show: false },
  };
  const names = labels.map((label, i) => `${nameOf(label)}   ${i + 1}`);
  const left = Math.round(names.reduce((most, name) => Math.max(most, textWidth(name)), 80) + 16);
  const ideal = Math.round((height - 56) * 1.25);
  const { width = Math.min(MOST_WIDTH, left + ideal + 20) } = options;
  const side = Math.min(width - left - 20, ideal);
  const option = {
    grid: { left, width: side, top: 50, bottom: 6 },
    xAxis: {
      ...axis,
      position: 'top',
      data: labels.map((_, i) => String(i + 1)),
      name: 'predicted',
      nameLocation: 'middle',
      nameGap: 26,
      nameTextStyle: { color: ink('muted'), fontSize: 12 },
      axisLabel: { color: ink('muted'), fontSize: 12, interval: 0 },
    },
    yAxis: {
      ...axis,
      inverse: true,
      data: names,
      axisLabel: { color: ink('text'), fontSize: 12, interval: 0 },
    },
    series: [
      {
        type: 'custom',
        data: cells.map((cell) => [cell.column, cell.row, cell.count]),
        renderItem: (params: { dataIndex: number }, api: CellApi) =>
          drawCell(cells[params.dataIndex], api),
      },
    ],
  };
  const [worst] = mostConfused(confusion, 1);
  const description = worst
    ? `Rows are true labels, columns predictions. The most frequent confusion is ${worst.truth} taken for ` +
      `${worst.predicted}: ${worst.count} times, ${formatPercent(worst.share, 0)} of its rows.`
    : 'Rows are true labels, columns predictions. No label was mistaken for another.';
  const text = { id: 'confusion', title: 'Confusion matrix', description };
  return drawChart(option, text, { width, height, theme });
}
