/**
 * How text for people is fitted to a screen: tables, sentences, help and errors, their colours, and text that would drive the terminal.
 *
 * The rule: a line is right when no terminal would break it, and a style when it is there on a terminal and nowhere else.
 */
import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../lib/cli/failure.js';
import { fitHelp } from '../../lib/cli/help-text.js';
import { Page } from '../../lib/cli/page.js';
import { type Screen, screenOf } from '../../lib/cli/screen.js';
import { formatTable } from '../../lib/cli/table.js';
import { displayWidth, wrapWords } from '../../lib/cli/width.js';
import { SinterError } from '../../lib/core/errors.js';

const CHINESE = '物流配送速度太慢而且包装破损的客户投诉问题分类标签名称特别长';
const ENGLISH = 'a label of many words that goes on and on beyond the width of any terminal';
const EVIL = 'red\u001b[2J\u009b31m\u202egnp\u2066\u0007';
/** What no text of others may hold when it is printed; the styles of the program are removed before. */
const CONTROL = /(?!\n)[\p{Cc}\u2028\u2029\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
const STYLES = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');

const screen = (columns: number, more: Partial<Screen> = {}): Screen => ({
  ...{ columns, cuts: true, hasColours: false },
  ...more,
});

function collect(on: Screen, write: (page: Page) => void): string {
  let text = '';
  write(new Page({ write: (part: string) => (text += part) }, on));
  return text;
}

const widest = (text: string): number => Math.max(...text.split('\n').map(displayWidth));

describe('the screen of a stream', () => {
  const sink = { write: () => true };
  const terminal = { ...sink, isTTY: true, columns: 100 };

  it('has the width of COLUMNS, else of the terminal, else 80', () => {
    expect(screenOf(terminal, {}).columns).toBe(100);
    expect(screenOf(terminal, { COLUMNS: '60' }).columns).toBe(60);
    for (const COLUMNS of ['', '0', '-5', 'wide', '6e1', '1234567']) {
      expect(screenOf(terminal, { COLUMNS }).columns).toBe(100);
    }
    expect(screenOf({ ...terminal, columns: 0 }, {}).columns).toBe(80);
    expect(screenOf(sink, {}).columns).toBe(80);
  });

  it('is cut on a terminal, and elsewhere only with COLUMNS', () => {
    expect(screenOf(terminal, {}).cuts).toBe(true);
    expect(screenOf(sink, {}).cuts).toBe(false);
    expect(screenOf(sink, { COLUMNS: '60' }).cuts).toBe(true);
  });

  it('has colours on a terminal only, unless NO_COLOR or FORCE_COLOR say otherwise', () => {
    const colours = (stream: object, env: Record<string, string>) =>
      screenOf({ ...sink, ...stream }, env).hasColours;
    expect(colours(terminal, {})).toBe(true);
    expect(colours({}, {})).toBe(false);
    expect(colours(terminal, { TERM: 'dumb' })).toBe(false);
    expect(colours(terminal, { NO_COLOR: '1' })).toBe(false);
    expect(colours(terminal, { NO_COLOR: '' })).toBe(true);
    expect(colours({}, { FORCE_COLOR: '1' })).toBe(true);
    expect(colours({}, { FORCE_COLOR: '' })).toBe(true);
    expect(colours(terminal, { FORCE_COLOR: '0' })).toBe(false);
    expect(colours({}, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(true);
  });
});

describe('tables', () => {
  const table = {
    columns: [
      { title: 'label' },
      { title: 'taken for' },
      { title: 'setting', fit: 'wrap' as const },
      { title: 'rows', align: 'right' as const },
    ],
    rows: [
      [CHINESE, ENGLISH, 'per-tensor, signed weights, batch 8', '1,234,567'],
      ['a', 'b', '', '8'],
    ],
  };

  it.each([120, 80, 60, 40])('fit %i columns and keep their numbers', (columns) => {
    const text = formatTable(table, screen(columns));
    expect(widest(text)).toBeLessThanOrEqual(columns);
    expect(text).toContain('1,234,567');
    expect(text).toContain('…');
  });

  it('a wrapped cell loses nothing', () => {
    const { columns, rows } = table;
    const text = formatTable(
      { columns: columns.slice(2), rows: rows.map((row) => row.slice(2)) },
      screen(30),
    );
    expect(text).toBe(
      [
        'setting                   rows',
        '-------------------  ---------',
        'per-tensor, signed   1,234,567',
        'weights, batch 8',
        '                             8',
        '',
      ].join('\n'),
    );
  });

  it('use all of the room that they have', () => {
    expect(widest(formatTable(table, screen(80)))).toBe(80);
  });

  it('are whole where nothing may be cut', () => {
    const text = formatTable(table, screen(60, { cuts: false }));
    for (const part of [CHINESE, ENGLISH, 'per-tensor, signed weights, batch 8']) {
      expect(text).toContain(part);
    }
  });

  it('numbers that are wider than the screen stay whole', () => {
    const numbers = {
      columns: [{ title: 'n', align: 'right' as const }],
      rows: [['123,456,789,012']],
    };
    expect(formatTable(numbers, screen(5))).toContain('123,456,789,012');
  });

  it('stand under each other with and without styles', () => {
    const styled = {
      columns: [{ title: 'name' }, { title: 'ratio', align: 'right' as const }],
      rows: [
        ['狗', { text: '1.31x', style: 'good' as const }],
        ['cat', { text: '0.90x', style: 'bad' as const }],
      ],
    };
    const plain = formatTable(styled, screen(80));
    const coloured = formatTable(styled, screen(80, { hasColours: true }));
    expect(coloured).toContain('\u001b[32m1.31x\u001b[39m');
    expect(coloured).toContain('\u001b[31m0.90x\u001b[39m');
    expect(coloured.replace(STYLES, '')).toBe(plain);
  });
});

describe('sentences', () => {
  it('break between words, within them only where that is allowed', () => {
    expect(wrapWords('one two three', 8, false)).toEqual(['one two', 'three']);
    expect(wrapWords('一二三四五六', 5, true)).toEqual(['一二', '三四', '五六']);
    expect(wrapWords('/a/very/long/path here', 6, false)).toEqual(['/a/very/long/path', 'here']);
    expect(wrapWords('/a/very/long/path', 6, true)).toEqual(['/a/ver', 'y/long', '/path']);
    expect(wrapWords('  indented words', 10, false)).toEqual(['  indented', 'words']);
    expect(wrapWords('', 10, true)).toEqual(['']);
    expect(wrapWords('👩‍👩‍👧👩‍👩‍👧', 1, true)).toEqual(['👩‍👩‍👧', '👩‍👩‍👧']);
  });

  it('facts have their values under each other', () => {
    const text = collect(screen(30), (page) =>
      page.facts([
        ['task', 'classification (bert)'],
        ['labels', 'one, two, three, four, five'],
      ]),
    );
    expect(text).toBe(
      'task          classification\n              (bert)\nlabels        one, two, three,\n              four, five\n',
    );
  });

  it('are one line where the output is not a terminal', () => {
    const long = `${ENGLISH} ${ENGLISH}`;
    const pipe = screen(80, { cuts: false });
    expect(collect(pipe, (page) => page.sentence(long))).toBe(`${long}\n`);
    expect(widest(collect(screen(80), (page) => page.sentence(long)))).toBeLessThanOrEqual(80);
    expect(collect(pipe, (page) => page.wrapped(long)).split('\n').length).toBeGreaterThan(2);
  });
});

describe('help', () => {
  it('an example in several lines is the same command to a shell', () => {
    const example =
      '  $ sinter embed "a red car" "a fast car" --input file.csv --text-column body --out vectors.npy';
    const fitted = fitHelp(`Examples:\n${example}\n`, screen(50));
    expect(widest(fitted)).toBeLessThanOrEqual(50);
    expect(fitted.replace(/ \\\n +/g, ' ')).toBe(`Examples:\n${example}\n`);
    expect(fitted).toContain('"a red car"');
    expect(fitted).not.toMatch(/--text-column \\/);
  });

  it('what a term means stands beside it', () => {
    const line = '  2    a mistake in the command line: an option, an argument, a path';
    expect(fitHelp(line, screen(40))).toBe(
      '  2    a mistake in the command line: an\n       option, an argument, a path',
    );
  });

  it('titles are headings on a terminal', () => {
    const coloured = fitHelp('Examples:\n  $ x\n', screen(80, { hasColours: true }));
    expect(coloured).toBe('\u001b[1mExamples:\u001b[22m\n  $ x\n');
  });
});

describe('errors', () => {
  const error = new SinterError('INVALID_DATA', `rows.csv:3: ${EVIL} ${ENGLISH}`);
  const context = { cancelled: false, stack: false, command: 'train' };

  it('are plain lines unless the screen has colours', () => {
    expect(describeFailure(error, context).text).toMatch(/^error: rows.csv:3: red\\u001b.*\n$/);
    const on = screen(60, { hasColours: true });
    const { text } = describeFailure(error, { ...context, screen: on });
    expect(text.startsWith('\u001b[31merror:\u001b[39m rows')).toBe(true);
    expect(widest(text.replace(STYLES, ''))).toBeLessThanOrEqual(60);
  });
});

it('text of others is shown, not obeyed, with colours too', () => {
  for (const hasColours of [false, true]) {
    const text = collect(screen(80, { hasColours }), (page) => {
      page.print(`${EVIL}\n`, 'heading');
      page.sentence(EVIL, { first: EVIL, style: 'warning', firstStyle: 'dim' });
      page.wrapped(EVIL, { style: 'good' });
      page.facts([[EVIL, EVIL, 'bad']]);
      page.table({
        columns: [{ title: EVIL }, { title: 't', fit: 'wrap' }],
        rows: [[{ text: EVIL, style: 'bad' }, EVIL]],
      });
    });
    expect(text.replace(STYLES, '')).not.toMatch(CONTROL);
    expect(text).toContain('red\\u001b[2J\\u009b31m\\u202egnp');
    expect(text.includes('\u001b[1m')).toBe(hasColours);
  }
});
