/**
 * Prints what `sinter check` found: facts first, then the labels, then what may be wrong.
 *
 * The rule: each problem names lines of the file.
 */
import { formatCount, formatNumber, formatPercent } from '../core/units.js';
import { describeKind, describeVariants, showLabels } from '../data/index.js';
import type { CheckResult } from './check-file.js';
import { printable } from './output.js';
import type { Fact, Page } from './page.js';
import { truncate } from './width.js';

const SHOWN_LABELS = 20;
const SHOWN_EXAMPLES = 3;
/** Rows of a label below which it is reported: they teach little. */
export const RARE_ROWS = 10;
/** Ratio of the largest label's rows to the smallest one's from which it is reported. */
const UNBALANCED = 10;

/** Prints the report. */
export function printCheck(page: Page, result: CheckResult): void {
  page.wrapped(result.source.file, { style: 'heading', keepsWords: true });
  page.facts(facts(result), { indent: 2, nameWidth: 12 });
  page.print('\n');
  printLabels(page, result);
  const found = remarks(result);
  if (found.length === 0) page.print('nothing looks wrong\n', 'good');
  const marked = { first: '* ', firstStyle: 'warning' } as const;
  for (const remark of found) page.wrapped(remark, marked);
}

function facts(result: CheckResult): Fact[] {
  const { source, columns, chosen, task, audit, numbers, bad, lengths } = result;
  const { encoding, delimiter } = source;
  const found = { given: 'as given', mark: 'byte order mark', valid: 'all of it valid' };
  const lines: Fact[] = [['format', source.format]];
  if (encoding !== null) {
    const how = encoding.found === 'guessed' ? `guessed: ${encoding.why}` : found[encoding.found];
    lines.push(['encoding', `${encoding.name} (${how})`]);
  }
  if (delimiter !== null) {
    const how = {
      given: 'as given',
      ending: 'as usual',
      stated: 'sep= in line 1',
      guessed: 'guessed',
    };
    const character = JSON.stringify(delimiter.character);
    lines.push(['delimiter', `${character} (${how[delimiter.found]})`]);
  }
  lines.push(['columns', shortList(columns.map((name) => JSON.stringify(name)))]);
  const roles = Object.entries(chosen ?? {}).map(([role, column]) => `${role} "${column.name}"`);
  if (roles.length > 0) lines.push(['read as', `${roles.join(', ')} (--task ${task})`]);
  else lines.push(['read as', `--task ${task}`]);
  const rows = formatNumber(audit.rows + (bad?.count ?? 0));
  const without = bad === null ? '' : `, of which ${formatNumber(bad.count)} cannot be used`;
  lines.push(['rows', `${rows}${without}`]);
  if (numbers !== null) {
    const { least, most, mean } = numbers;
    lines.push(['numbers', `${least} to ${most}, mean ${mean.toFixed(3)}`]);
  }
  const { model, maxTokens, median, percentile95, longest } = lengths;
  const figures = [`median ${median}`, `95 % up to ${percentile95}`, `longest ${longest}`];
  lines.push(['tokens', `${figures.join(', ')}; ${model} reads ${maxTokens}`]);
  return lines;
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => truncate(printable(name), 30));
  return names.length > shown.length
    ? `${shown.join(', ')} and ${names.length - shown.length} more`
    : shown.join(', ');
}

function printLabels(page: Page, { audit, task }: CheckResult): void {
  const { labels } = audit;
  if (labels.length === 0) return;
  const total = labels.reduce((sum, { count }) => sum + count, 0);
  const names = showLabels(labels.slice(0, SHOWN_LABELS).map(({ label }) => label));
  const rows = names.map((name, i) => {
    const { count = 0 } = labels[i] ?? {};
    return [name, formatNumber(count), formatPercent(count / total, 1)];
  });
  const what = task === 'tags' ? 'tags' : task === 'answers' ? 'questions' : 'rows';
  const title = task === 'answers' ? 'question' : `label (${labels.length})`;
  const columns = [
    { title, maxWidth: 64 },
    { title: what, align: 'right' },
    { title: 'share', align: 'right' },
  ] as const;
  page.table({ columns, rows });
  const rest = labels.slice(SHOWN_LABELS);
  if (rest.length > 0) {
    const least = rest.at(-1)?.count ?? 0;
    const counts = `${formatNumber(least)} to ${formatNumber(rest[0]?.count ?? 0)} each`;
    page.wrapped(`and ${rest.length} more with ${counts}`);
  }
  page.print('\n');
}

/** Possible problems, each with its lines. */
export function remarks(result: CheckResult): string[] {
  return [
    ...(result.bad?.kinds ?? []).map((kind) => `cannot be used: ${describeKind(kind)}`),
    ...labelRemarks(result),
    ...textRemarks(result),
    ...lengthRemarks(result),
  ];
}

function labelRemarks({ audit, task, variants, source, chosen }: CheckResult): string[] {
  const { labels, unlabelled, rows } = audit;
  if (task === 'answers') return [];
  const found: string[] = [];
  const classes = task === 'classification' || task === 'tags' || task === 'multi-label';
  if (classes && unlabelled > 0 && task !== 'multi-label') {
    const which =
      chosen?.label === undefined ? ' (which column has them? name it: --label-column)' : '';
    found.push(
      `${formatNumber(unlabelled)} of ${formatCount(rows, 'row')} without a label${which}`,
    );
  }
  if (labels.length === 1 && classes) found.push('one label only: a classifier needs at least two');
  const rare = labels.filter(({ count }) => count < RARE_ROWS);
  if (rare.length > 0) {
    const names = showLabels(rare.slice(0, 6).map(({ label }) => label));
    const shown = names.map((name, i) => `${name} ${rare[i]?.count}`).join(', ');
    const more = rare.length > names.length ? ', ...' : '';
    found.push(
      `${formatCount(rare.length, 'rare label')}, fewer than ${RARE_ROWS} times each: ${shown}${more}`,
    );
  }
  const [most, least] = [labels[0]?.count ?? 0, labels.at(-1)?.count ?? 0];
  if (task !== 'tags' && labels.length > 1 && most >= UNBALANCED * least) {
    const times = formatNumber(most / least);
    found.push(`unbalanced: the largest label has ${times} times the rows of the smallest`);
  }
  const own = `${source.file}: `;
  for (const group of variants) found.push(describeVariants(group).replace(own, ''));
  return found;
}

function textRemarks({ audit }: CheckResult): string[] {
  const { repeated, conflicts, compared, rows } = audit;
  const found: string[] = [];
  const quote = (text: string) => JSON.stringify(truncate(text, 40));
  if (conflicts.texts > 0) {
    const shown = conflicts.examples.slice(0, SHOWN_EXAMPLES).map(({ text, first, second }) => {
      const name = ({ labels, line }: typeof first) =>
        `${truncate(showLabels(labels).join(' ') || 'none', 30)} in line ${line}`;
      return `${quote(text)} (${name(first)}, ${name(second)})`;
    });
    const more = conflicts.texts > shown.length ? '; ...' : '';
    found.push(
      `${formatCount(conflicts.texts, 'text')} with two labels: ${shown.join('; ')}${more}`,
    );
  }
  if (repeated.texts > 0) {
    const shown = repeated.examples.slice(0, SHOWN_EXAMPLES).map(({ text, lines, count }) => {
      const more = count > lines.length ? ' ...' : '';
      return `${quote(text)} (lines ${lines.join(', ')}${more})`;
    });
    const more = repeated.texts > shown.length ? '; ...' : '';
    const what = `${formatCount(repeated.texts, 'text')} more than once, in ${formatNumber(repeated.rows)} rows`;
    found.push(`${what}: ${shown.join('; ')}${more}`);
  }
  if (compared < rows) {
    found.push(`only ${formatNumber(compared)} rows were compared with each other`);
  }
  return found;
}

/** Share of unknown tokens from which a model is of little use for the texts. */
const MANY_UNKNOWN = 0.1;

function lengthRemarks({ audit, lengths, task }: CheckResult): string[] {
  const { over, maxTokens, model, unknown } = lengths;
  const found: string[] = [];
  if (over > 0) {
    const share = formatPercent(over / audit.rows, 1);
    const fate = task === 'answers' || task === 'tags' ? 'read in windows' : 'would be cut';
    found.push(
      `${formatCount(over, 'text')} (${share}) over the ${maxTokens} tokens of ${model}: ${fate}`,
    );
  }
  if (unknown >= MANY_UNKNOWN) {
    const share = formatPercent(unknown, 0);
    found.push(
      `${share} of the tokens are unknown to ${model}, which cannot tell such texts apart: take a model of their language`,
    );
  }
  return found;
}
