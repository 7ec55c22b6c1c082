/**
 * How a training went: loss, learning rate and gradient norm of its steps, and the scores of its evaluations.
 */
import { formatNumber, formatPercent, nameInWords } from '../core/units.js';
import { learningRateSvg, ratedSteps } from './learning-rate-chart.js';
import { lossCurveSvg, smoothed, thinned } from './loss-chart.js';
import { html, type Markup } from './markup.js';
import { type Line, lineColour, type Point, shareAxis, stepSvg } from './step-chart.js';
import { type Column, figure, type Section, shown, table } from './tables.js';
import type { Evaluation, LossCurve, LossStep } from './types.js';

const short = (value: number): string => String(Number(value.toPrecision(3)));

export function lossSection(loss: LossCurve): Section {
  const evaluations = loss.evaluations ?? [];
  const rates = ratedSteps(loss.steps);
  const body = html`<p class="lead">Loss of ${formatNumber(loss.steps.length)} training steps${
    evaluations.length > 0 ? ', and how the model did on held-out rows along the way' : null
  }.</p>
${figure(lossCurveSvg(loss, { theme: 'page' }))}
${rates.length > 0 ? [html`<h3>Learning rate</h3>`, figure(learningRateSvg(loss.steps, { theme: 'page' }))] : null}
${normFigure(loss.steps)}
${scoresFigure(evaluations)}
${evaluations.length > 0 ? evaluationTable(evaluations) : null}`;
  return { id: 'training', title: 'Training', body };
}

/** Norm of the gradients before clipping, each step and smoothed. */
function normFigure(steps: readonly LossStep[]): Markup[] | null {
  const known = steps.flatMap(({ step, gradNorm }) =>
    gradNorm !== undefined && Number.isFinite(gradNorm) ? [{ step, loss: gradNorm }] : [],
  );
  if (known.length === 0) return null;
  const points = thinned(known);
  const most = known.reduce((best, one) => (one.loss > best.loss ? one : best));
  const description = `The norm of the gradients before clipping is largest in step ${most.step}, ${short(most.loss)}.`;
  const lines: Line[] = [
    { name: 'each step', points, colour: 'gray' },
    { name: 'smoothed', points: smoothed(points), colour: 'blue' },
  ];
  const chart = { id: 'norm', title: 'Gradient norm', name: 'gradient norm', description };
  return [
    html`<h3>Gradient norm</h3>`,
    figure(stepSvg({ ...chart, lines, format: short }, { theme: 'page' })),
  ];
}

/** The scores of evaluations that the loss curve does not have, which are shares or correlations. */
function scoresFigure(evaluations: readonly Evaluation[]): Markup[] | null {
  const lines = scoreNames(evaluations)
    .filter((name) => name !== 'loss' && name !== 'accuracy')
    .map((name, i) => ({
      name: nameInWords(name),
      points: pointsOf(evaluations, name),
      colour: lineColour(i),
      hasDots: true,
    }));
  const values = lines.flatMap(({ points }) => points).map(([, y]) => y);
  if (values.length === 0) return null;
  const ends = lines.map(({ name, points }) => `${name} ${short(points.at(-1)?.[1] ?? 0)}`);
  const description = `Scores on held-out rows. The last ones: ${ends.join(', ')}.`;
  const isShare = values.every((value) => value >= 0 && value <= 1);
  const chart = { id: 'scores', title: 'Scores on held-out rows', name: 'score', description };
  const axis = isShare ? shareAxis(values) : { min: undefined };
  return [
    html`<h3>Scores on held-out rows</h3>`,
    figure(stepSvg({ ...chart, ...axis, lines, format: short }, { theme: 'page' })),
  ];
}

/** Scores of an evaluation by name: those in `scores`, and loss and accuracy where they are known. */
export function scoresOf({ loss, accuracy, scores = {} }: Evaluation): Record<string, number> {
  const known = Object.entries({ loss, accuracy, ...scores });
  return Object.fromEntries(
    known.filter((one): one is [string, number] => Number.isFinite(one[1])),
  );
}

/** Names of the scores of the evaluations, in the order of the first one that has them. */
export function scoreNames(evaluations: readonly Evaluation[]): string[] {
  return [...new Set(evaluations.flatMap((one) => Object.keys(scoresOf(one))))];
}

/** A score over the steps. */
export function pointsOf(evaluations: readonly Evaluation[], name: string): Point[] {
  return evaluations.flatMap((one): Point[] => {
    const value = scoresOf(one)[name];
    return value === undefined ? [] : [[one.step, value]];
  });
}

/** A score as text: an accuracy in percent, any other in four digits. */
export const scoreText = (name: string, value: number | undefined): string =>
  shown(value, (one) => (name === 'accuracy' ? formatPercent(one) : one.toFixed(4)));

function evaluationTable(evaluations: readonly Evaluation[]): Markup {
  const names = scoreNames(evaluations);
  const title = (name: string) => (name === 'loss' ? 'loss, held-out rows' : nameInWords(name));
  const columns: Column[] = [
    { title: 'epoch' },
    { title: 'step', isNumber: true },
    ...names.map((name) => ({ title: title(name), isNumber: true })),
  ];
  const rows = evaluations.map((one) => {
    const scores = scoresOf(one);
    const values = names.map((name) => scoreText(name, scores[name]));
    return [one.epoch, formatNumber(one.step), ...values];
  });
  return table('Evaluations during training', columns, rows);
}
