/**
 * A comparison of engines as a table for people.
 */
import { median } from '../core/median.js';
import { formatNumber, formatPercent } from '../core/units.js';
import type { Comparison, EngineSpeed } from './compare.js';
import type { BatchSpeed, LaneSpeed } from './settings.js';
import type { Cell, Table } from './table.js';
import type { PipelineSpeed } from './transformers-js.js';

/** Sinter's speed over ONNX Runtime's for a precision; null where one is missing. */
export function speedRatio(speeds: readonly EngineSpeed[], precision: string): number | null {
  const of = (engine: EngineSpeed['engine']) =>
    speeds.find((one) => one.engine === engine && one.precision === precision)?.tokensPerSecond;
  const ours = of('sinter');
  const theirs = of('onnxruntime');
  return ours === undefined || theirs === undefined ? null : ours / theirs;
}

/** A ratio of speeds: good where Sinter is faster, bad where it is slower. */
function ratioCell(ratio: number): Cell {
  const text = `${ratio.toFixed(2)}x`;
  if (ratio === 1) return text;
  return { text, style: ratio > 1 ? 'good' : 'bad' };
}

/** One line per engine and precision. */
export function comparisonTable({ speeds }: Comparison): Table {
  const rows = speeds.map((one) => {
    const { rounds } = one;
    const spread = (Math.max(...rounds) - Math.min(...rounds)) / median(rounds);
    const ratio = one.engine === 'sinter' ? speedRatio(speeds, one.precision) : null;
    return [
      one.engine === 'sinter' ? 'Sinter' : 'ONNX Runtime',
      one.precision,
      formatNumber(one.tokensPerSecond),
      formatPercent(spread, 0),
      ratio === null ? '' : ratioCell(ratio),
      one.setting ?? '',
    ];
  });
  return {
    columns: [
      { title: 'engine', fit: 'whole' },
      { title: 'precision', fit: 'whole' },
      { title: 'tokens/s', align: 'right' },
      { title: 'spread', align: 'right' },
      { title: 'ratio', align: 'right' },
      { title: 'best setting', fit: 'wrap' },
    ],
    rows,
  };
}

/** Agreement of the two engines, one line per precision. */
export function agreementLines({ agreements, texts }: Comparison, kind: 'labels' | 'vectors') {
  return agreements.map(({ precision, sameTop, lowestCosine, largestDifference }) =>
    kind === 'labels'
      ? `${precision}: same label for ${formatPercent(sameTop, 1)} of ${formatNumber(texts)} texts, ` +
        `largest difference of a logit ${largestDifference.toExponential(1)}`
      : `${precision}: lowest cosine ${lowestCosine.toFixed(6)} on ${formatNumber(texts)} texts`,
  );
}

/** Speeds of transformers.js by texts per call, beside `embed` on the same texts. */
export function pipelineTable(
  pipelines: readonly PipelineSpeed[],
  speeds: readonly EngineSpeed[],
): Table {
  const rows = pipelines.map(({ precision, textsPerCall, tokensPerSecond }) => {
    const ours = speeds.find((one) => one.engine === 'sinter' && one.precision === precision);
    return [
      'transformers.js',
      precision,
      formatNumber(tokensPerSecond),
      ours === undefined ? '' : ratioCell(ours.tokensPerSecond / tokensPerSecond),
      textsPerCall === 1 ? 'one text a call' : `${textsPerCall} texts a call, as they come`,
    ];
  });
  return {
    columns: [
      { title: 'engine', fit: 'whole' },
      { title: 'precision', fit: 'whole' },
      { title: 'tokens/s', align: 'right' },
      { title: 'ratio', align: 'right' },
      { title: 'called with', fit: 'wrap' },
    ],
    rows,
  };
}

/** Speeds by lanes and precision. */
export function laneTable(speeds: readonly LaneSpeed[]): Table {
  return {
    columns: [
      { title: 'precision', fit: 'whole' },
      { title: 'lanes', align: 'right' },
      { title: 'tokens/s', align: 'right' },
      { title: 'one text, ms', align: 'right' },
    ],
    rows: speeds.map(({ precision, lanes, tokensPerSecond, oneTextMs }) => [
      ...[precision, String(lanes), formatNumber(tokensPerSecond), oneTextMs.toFixed(2)],
    ]),
  };
}

/** Speeds by batch size. */
export function batchTable(speeds: readonly BatchSpeed[]): Table {
  return {
    columns: [
      { title: 'maxBatchTokens', align: 'right' },
      { title: 'tokens/s', align: 'right' },
      { title: 'full batch, ms', align: 'right' },
    ],
    rows: speeds.map(({ maxBatchTokens, tokensPerSecond, batchMs }) => [
      ...[formatNumber(maxBatchTokens), formatNumber(tokensPerSecond), batchMs.toFixed(1)],
    ]),
  };
}
