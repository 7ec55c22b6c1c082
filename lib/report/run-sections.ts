/**
 * Several trainings side by side: their losses and scores as lines of one chart, what differs in their settings, and how they ended.
 */
import { formatDuration, formatNumber, nameInWords } from '../core/units.js';
import type { ChartOptions } from './chart.js';
import { smoothed, thinned } from './loss-chart.js';
import { html, type Markup } from './markup.js';
import { lineColour, type Point, shareAxis, stepSvg } from './step-chart.js';
import { type Column, figure, type Section, shown, table } from './tables.js';
import { pointsOf, scoreNames, scoresOf, scoreText } from './training-section.js';
import type { RunData } from './types.js';

/** Points of a line of several, fewer than of one alone. */
const POINTS = 200;

/** The smoothed losses of the runs as SVG. */
export function runLossSvg(runs: readonly RunData[], options: ChartOptions = {}): string {
  return overlaid(
    'run-loss',
    'Training loss of each run',
    'loss',
    runs,
    ({ steps }) => smoothed(thinned(steps, POINTS)),
    options,
  );
}

function overlaid(
  id: string,
  title: string,
  name: string,
  runs: readonly RunData[],
  of: (run: RunData) => readonly Point[],
  options: ChartOptions,
): string {
  const lines = runs.map((run, i) => ({
    name: run.name,
    points: of(run),
    colour: lineColour(i),
    isDashed: i >= 6,
    hasDots: name !== 'loss',
  }));
  const known = lines.filter(({ points }) => points.length > 0);
  const values = known.flatMap(({ points }) => points).map(([, y]) => y);
  const ends = known.map((line) => `${line.name}: ${short(line.points.at(-1)?.[1] ?? 0)}`);
  const isShare = name !== 'loss' && values.every((value) => value >= 0 && value <= 1);
  const isFromZero = values.every((value) => value >= 0);
  const axis = isShare ? shareAxis(values) : isFromZero ? {} : { min: undefined };
  const description = `${title}, at the end ${ends.join('; ')}.`;
  const chart = { id, title, name, description, lines: known, format: short, ...axis };
  return stepSvg(chart, { height: 300, ...options });
}

const short = (value: number): string => String(Number(value.toPrecision(3)));

export function runsSections(runs: readonly RunData[]): Section[] {
  return [curves(runs), scores(runs), settings(runs)];
}

function curves(runs: readonly RunData[]): Section {
  const names = [...new Set(runs.flatMap((run) => scoreNames(run.evaluations)))];
  const figures = names.map((name, i): Markup => {
    const title = `${nameInWords(name)} on held-out rows`;
    const of = (run: RunData) => pointsOf(run.evaluations, name);
    const kind = name === 'loss' ? 'held-out loss' : name;
    const svg = overlaid(`run-score-${i}`, title, nameInWords(kind), runs, of, {
      ...{ theme: 'page', height: 240 },
    });
    return html`<h3>${title}</h3>${figure(svg)}`;
  });
  const body = html`<p class="lead">Training loss of each run, smoothed, and the scores of their evaluations.</p>
${figure(runLossSvg(runs, { theme: 'page' }))}
${figures}`;
  return { id: 'curves', title: 'Curves', body };
}

function scores(runs: readonly RunData[]): Section {
  const final = runs.map(({ evaluations, best }) => {
    const one = evaluations.find(({ step }) => step === best) ?? evaluations.at(-1);
    return one === undefined ? {} : scoresOf(one);
  });
  const names = [...new Set(final.flatMap((one) => Object.keys(one)))];
  const columns: Column[] = [
    { title: 'run' },
    { title: 'steps', isNumber: true },
    { title: 'time', isNumber: true },
    { title: 'tokens / s', isNumber: true },
    ...names.map((name) => ({ title: nameInWords(name), isNumber: true })),
  ];
  const rows = runs.map((run, i) => [
    run.name,
    formatNumber(run.steps.length),
    shown(run.seconds, (value) => formatDuration(value * 1000)),
    shown(run.tokensPerSecond, (value) => formatNumber(value)),
    ...names.map((name) => scoreText(name, final[i]?.[name])),
  ]);
  const body = html`<p class="lead">Scores of the best evaluation of each run, by the score that it compared by.</p>
${table('Scores of the runs', columns, rows)}`;
  return { id: 'run-scores', title: 'Scores', body };
}

function settings(runs: readonly RunData[]): Section {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))];
  const text = (run: RunData, name: string) => {
    const value = run.settings[name];
    return value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value);
  };
  const [different, same] = [true, false].map((wanted) =>
    names.filter((name) => new Set(runs.map((run) => text(run, name))).size > 1 === wanted),
  );
  const columns: Column[] = [{ title: 'setting' }, ...runs.map(({ name }) => ({ title: name }))];
  const rows = (of: readonly string[] = []) =>
    of.map((name) => [name, ...runs.map((run) => text(run, name))]);
  const isAlike = different?.length === 0;
  const body = html`<p class="lead">${isAlike ? 'The runs have the same settings.' : 'What differs between the runs.'}</p>
${isAlike ? null : table('Settings that differ', columns, rows(different))}
${same?.length ? html`<details><summary>${same.length} settings that are the same</summary>${table('Settings that are the same', columns, rows(same))}</details>` : null}`;
  return { id: 'settings', title: 'Settings', body };
}
