/**
 * Tables, widths, units and JSON of the command line.
 *
 * The rule: a table is right when its columns stand under each other on a real terminal.
 */
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatDuration,
  formatNumber,
  formatPercent,
  printable,
  writeJson,
} from '../../lib/cli/output.js';
import { formatTable } from '../../lib/cli/table.js';
import { displayWidth, pad, truncate, truncateStart } from '../../lib/cli/width.js';

describe('displayWidth', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['狗', 2],
    ['日本語', 6],
    ['한글', 4],
    ['ｆｕｌｌ', 8],
    ['😀', 2],
    ['👩‍👩‍👧', 2],
    ['❤️', 2],
    ['🇨🇭', 2],
    ['—…│█', 4],
    ['\u200B', 0],
  ])('%j takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('formatTable', () => {
  it('aligns columns by terminal width', () => {
    const columns = [{ title: 'label' }, { title: 'score', align: 'right' as const }];
    const rows = [
      ['狗', '0.5'],
      ['cat', '12.25'],
    ];
    expect(formatTable({ columns, rows })).toBe(
      ['label  score', '-----  -----', '狗       0.5', 'cat    12.25', ''].join('\n'),
    );
  });

  it('cuts long cells and shows control characters', () => {
    const columns = [{ title: 't', maxWidth: 6 }];
    expect(formatTable({ columns, rows: [['日本語日本'], ['\u001b[31mred']] })).toBe(
      't\n------\n日本…\n\\u001…\n',
    );
    expect(printable('a\tb\n\u001b[0m\u202E')).toBe('a\\tb\\n\\u001b[0m\\u202e');
  });

  it('refuses rows of another length', () => {
    expect(() => formatTable({ columns: [{ title: 'a' }], rows: [['b', 'c']] })).toThrow(
      'rows[0] must be 1 cells, got 2',
    );
  });
});

describe('truncate and pad', () => {
  it('respect columns', () => {
    expect(truncate('abcdef', 4)).toBe('abc…');
    expect(truncate('abcd', 4)).toBe('abcd');
    expect(truncate('狗狗', 3)).toBe('狗…');
    expect(truncate('ab', 0)).toBe('');
    expect(truncateStart('abcdef', 4)).toBe('…def');
    expect(truncateStart('abcd', 4)).toBe('abcd');
    expect(truncateStart('狗狗狗', 4)).toBe('…狗');
    expect(truncateStart(`${'x'.repeat(1000)}e\u0301`, 2)).toBe('…e\u0301');
    expect(truncateStart('ab', 0)).toBe('');
    expect(pad('狗', 4)).toBe('狗  ');
    expect(pad('狗', 4, 'right')).toBe('  狗');
  });
});

describe('units', () => {
  it.each([
    [0, '0 ms'],
    [949.7, '950 ms'],
    [999.6, '1.0 s'],
    [12_340, '12.3 s'],
    [59_960, '1 min 00 s'],
    [245_000, '4 min 05 s'],
    [7_380_000, '2 h 03 min'],
    [Number.NaN, '-'],
  ])('%f ms is %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [23_440_000, '23.4 MB'],
    [999_600_000, '1.0 GB'],
    [123_456_789, '123 MB'],
    [-1, '-'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('numbers and shares', () => {
    expect(formatNumber(1234567)).toBe('1,234,567');
    expect(formatNumber(Math.PI, 3)).toBe('3.142');
    expect(formatNumber(Number.POSITIVE_INFINITY)).toBe('-');
    expect(formatPercent(0.898701)).toBe('89.87 %');
    expect(formatPercent(Number.NaN)).toBe('-');
  });
});

describe('writeJson', () => {
  it('writes one line that any parser reads', () => {
    let text = '';
    const sink = { write: (part: string) => (text += part) };
    writeJson(sink, { v: Float32Array.of(0.5, 2), n: Number.NaN, b: 3n, t: 'a\nb', u: undefined });
    expect(text).toBe('{"v":[0.5,2],"n":null,"b":3,"t":"a\\nb"}\n');
    text = '';
    writeJson(sink, undefined);
    expect(text).toBe('null\n');
  });
});
