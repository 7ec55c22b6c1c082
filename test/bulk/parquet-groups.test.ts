// Parquet files that are written group by group, read back by hyparquet, which did not write them.
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { ParquetColumn } from '../../lib/bulk/parquet-columns.js';
import { type ColumnValues, ParquetGroups } from '../../lib/bulk/parquet-groups.js';
import type { JsonValue } from '../../lib/core/json.js';

const NEW = { bytes: 0, notes: [] };

function column(name: string, kind: ParquetColumn['kind'], isOptional = false): ParquetColumn {
  return { name, kind, isOptional };
}

const VECTORS = [column('text', 'text'), column('embedding', 'vector')];

function vectors(rows: number, cols: number, seed: number) {
  const data = Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(seed + i));
  return { data, rows, cols };
}

/** The file of these groups; with `cut` another writer goes on behind each group, as another process would. */
function written(
  columns: readonly ParquetColumn[],
  groups: readonly (readonly ColumnValues[])[],
  cut = false,
): ArrayBuffer {
  const pieces: Uint8Array[] = [];
  const notes: JsonValue[] = [];
  let writer = new ParquetGroups(NEW);
  for (const group of groups) {
    const { bytes, note } = writer.group(columns, group);
    pieces.push(bytes);
    // A note goes through a file.
    notes.push(JSON.parse(JSON.stringify(note)) as JsonValue);
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    if (cut) writer = new ParquetGroups({ bytes: size, notes });
  }
  pieces.push(writer.end(columns));
  return Uint8Array.from(Buffer.concat(pieces)).buffer;
}

describe('vectors', () => {
  it.each([1, 3, 8, 13, 384])(
    'of %i numbers have the same bits, in several pages',
    async (cols) => {
      const groups = [1, 2000, 7].map((rows, i) => vectors(rows, cols, i));
      const special = groups[0]?.data;
      special?.set([-0, NaN, Infinity].slice(0, cols));
      const texts = groups.map(({ rows }, i) =>
        Array.from({ length: rows }, (_, j) => `${i} ${j}`),
      );
      const file = written(
        VECTORS,
        groups.map((own, i) => [texts[i] ?? [], own]),
      );
      const rows = await parquetReadObjects({ file });
      expect(rows.map(({ text }) => text)).toEqual(texts.flat());
      const numbers = Float32Array.from(rows.flatMap(({ embedding }) => embedding as number[]));
      const expected = Float32Array.from(groups.flatMap(({ data }) => Array.from(data)));
      expect(Buffer.from(numbers.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
      expect(rows.every(({ embedding }) => embedding.length === cols)).toBe(true);
      expect(parquetMetadata(file).row_groups.map((group) => Number(group.num_rows))).toEqual([
        1, 2000, 7,
      ]);
    },
  );

  it('a file that another process goes on with has the same bytes', () => {
    const groups = [5, 4, 3].map((rows, i): ColumnValues[] => [
      Array.from({ length: rows }, (_, j) => `text ${j}`),
      vectors(rows, 4, i),
    ]);
    const whole = Buffer.from(written(VECTORS, groups));
    expect(Buffer.from(written(VECTORS, groups, true)).equals(whole)).toBe(true);
  });
});

it.each([
  ['no object', ['note']],
  ['no columns', [{ group: { columns: [] } }]],
  ['another kind', [{ columns: [{ ...VECTORS[0], kind: 'date' }], group: { columns: [] } }]],
  ['no group', [{ columns: VECTORS, group: null }]],
])('damaged notes are refused: %s', (_what, notes) => {
  const earlier = { bytes: 4, notes: notes as unknown as JsonValue[] };
  expect(() => new ParquetGroups(earlier)).toThrow('the notes of earlier row groups are damaged');
});

describe('columns', () => {
  const columns = [
    column('text', 'text'),
    column('label', 'text', true),
    column('score', 'number', true),
    column('start', 'integer', true),
    column('truncated', 'boolean', true),
    column('labels', 'texts', true),
    column('values', 'numbers', true),
    column('entities', 'json', true),
  ];

  it('of every kind read back, with their missing values', async () => {
    const rows = [
      ['', null, 0.5, 0, false, [], [1, -2], []],
      ['ü "a",\n', 'x', 1, -7, true, ['a', 'b'], [], [{ text: 'Ann', end: 3 }]],
      ['𝄞', 'y', null, null, null, null, null, null],
    ];
    const values = columns.map((_, i) => rows.map((row) => row[i]));
    const found = await parquetReadObjects({ file: written(columns, [values, values], true) });
    const expected = rows.map((row) =>
      Object.fromEntries(columns.map(({ name }, i) => [name, row[i]])),
    );
    expect(found).toEqual([...expected, ...expected]);
  });

  it('of a file without rows are there', async () => {
    const file = written([column('text', 'text')], []);
    expect(await parquetReadObjects({ file })).toEqual([]);
    expect(parquetMetadata(file).schema.map(({ name }) => name)).toEqual(['schema', 'text']);
  });
});
