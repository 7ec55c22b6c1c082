/**
 * `sinter embed`: every source of texts, every form of the result, and bad data.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { jsonOf, type Outcome, Scratch, sinter, TINY } from './support.js';

const WIDTH = 384;
const scratch = new Scratch();

interface Line {
  readonly text: string;
  readonly pair?: string;
  readonly embedding: number[];
}

const linesOf = ({ stdout }: Outcome): Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

describe('texts on the command line', () => {
  it('become vectors of length 1, one JSON object a line', async () => {
    const outcome = await sinter(['embed', 'a red car', 'ein rotes Auto']);
    expect(outcome.stderr).toBe('');
    const lines = linesOf(outcome);
    expect(lines.map(({ text }) => text)).toEqual(['a red car', 'ein rotes Auto']);
    for (const { embedding } of lines) {
      expect(embedding).toHaveLength(WIDTH);
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    }
  });

  it('--json gives one document', async () => {
    const result = jsonOf<{ rows: Line[] }>(await sinter(['embed', 'a', 'b', '--json']));
    expect(result.rows.map(({ text }) => text)).toEqual(['a', 'b']);
    expect(result.rows[0]?.embedding).toHaveLength(WIDTH);
  });

  it('a model that does not say how to pool is refused until told', async () => {
    const refused = await sinter(['embed', 'the film', '--model', TINY]);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('pooling');
    const told = await sinter(['embed', 'the film', '--model', TINY, '--pooling', 'mean']);
    expect(told.code).toBe(0);
    expect(Math.hypot(...(linesOf(told)[0]?.embedding ?? []))).not.toBeCloseTo(1, 3);
  });
});

describe('files and stdin', () => {
  it('.npy and .csv hold the same numbers as JSONL, whatever else is in the batch', async () => {
    const file = await scratch.file('texts.csv', 'id,sentence\n1,"one, two"\n2,three\n3,four\n');
    const npy = scratch.path('vectors.npy');
    const csv = scratch.path('vectors.csv');
    const written = await sinter(['embed', '--input', file, '--out', npy]);
    expect(written.stdout).toContain('3 vectors');
    expect(written.stderr).toContain('reading text "sentence"');
    await sinter(['embed', '--input', file, '--out', csv, '--quiet']);
    const jsonl = await sinter(['embed', 'one, two']);
    const alone = linesOf(jsonl)[0]?.embedding ?? [];
    const [, digits] = /"embedding":\[(.*)\]/.exec(jsonl.stdout) ?? [];

    const bytes = await readFile(npy);
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'));
    const header = bytes.readUInt16LE(8) + 10;
    expect(header % 64).toBe(0);
    expect(bytes.subarray(10, header).toString('latin1')).toContain("'shape': (3, 384)");
    expect(bytes.length).toBe(header + 3 * WIDTH * 4);
    const first = new Float32Array(Uint8Array.from(bytes.subarray(header)).buffer, 0, WIDTH);
    expect(Float32Array.from(alone)).toEqual(Float32Array.from(first));

    const [head, row] = (await readFile(csv, 'utf8')).split('\n');
    expect(head?.startsWith('text,0,1,2,')).toBe(true);
    expect(row).toBe(`"one, two",${digits}`);
    expect(digits?.split(',').map(Number)).toEqual(alone);
  });

  it('stdin and .txt files: one text a line, empty lines too', async () => {
    const input = 'first\r\n\nthird';
    const piped = await sinter(['embed', '--input', '-'], { input });
    expect(linesOf(piped).map(({ text }) => text)).toEqual(['first', '', 'third']);
    const file = await scratch.file('lines.txt', input);
    expect((await sinter(['embed', '--input', file])).stdout).toBe(piped.stdout);
  });

  it('pairs, and columns by number', async () => {
    const file = await scratch.file('pairs.tsv', 'q\ta\nq2\ta2\n');
    const args = ['--no-header', '--text-column', '1', '--pair-column', '2', '--max-tokens', '8'];
    const lines = linesOf(await sinter(['embed', '--input', file, ...args]));
    expect(lines.map(({ text, pair }) => [text, pair])).toEqual([
      ['q', 'a'],
      ['q2', 'a2'],
    ]);
  });
});

describe('bad data is code 3, with its place, and leaves no file', () => {
  it.each([
    { name: 'empty.csv', content: '', says: /empty\.csv.*empty/ },
    { name: 'header.csv', content: 'text\n', says: /header\.csv.*no rows/ },
    { name: 'columns.csv', content: 'text,label\na,b\nc,d,e\n', says: /columns\.csv:3/ },
    { name: 'quote.csv', content: 'text\n"open\n', says: /quote\.csv:2/ },
    { name: 'which.csv', content: 'a,b\n1,2\n', says: /which column is the text.*"a", "b"/ },
    { name: 'hole.csv', content: 'text,label\na,b\n,d\n', says: /hole\.csv:3: column "text"/ },
    { name: 'bad.jsonl', content: '{"text": "a"}\n{"text": \n', says: /bad\.jsonl:2/ },
    {
      name: 'latin.txt',
      content: Buffer.from('caf\u00e9\n', 'latin1'),
      says: /UTF-8.*0xe9.*--encoding/,
    },
  ])('$name', async ({ name, content, says }) => {
    const file = await scratch.file(name, content);
    const { code, stderr } = await sinter([
      'embed',
      '--input',
      file,
      '--out',
      scratch.path('v.npy'),
    ]);
    expect(code).toBe(3);
    expect(stderr).toMatch(says);
    expect((await scratch.names()).filter((one) => one.includes('v.npy'))).toEqual([]);
  });

  it('a file that is not there', async () => {
    for (const name of ['none.csv', 'none.txt']) {
      const { code, stderr } = await sinter(['embed', '--input', scratch.path(name)]);
      expect(code).toBe(3);
      expect(stderr).toMatch(/no such file/);
    }
  });
});
