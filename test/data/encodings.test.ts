/**
 * Encodings of data files: named, marked, found or asked for; and what separates their columns.
 *
 * The rule: what was guessed is said, and what cannot be told is an error that names the option.
 */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type DataSource, type ReadOptions, readAllRows } from '../../lib/data/index.js';
import { fileWith, refusal, useFolder } from './folder.js';

useFolder();

async function read(name: string, content: string | Uint8Array, options: ReadOptions = {}) {
  const sources: DataSource[] = [];
  const onSource = (source: DataSource) => sources.push(source);
  const rows = await readAllRows(fileWith(name, content), { ...options, onSource });
  const [source] = sources;
  if (source === undefined || sources.length > 1) throw new Error('onSource is called once');
  return { rows: rows.map(({ text, label }) => [text, label]), source };
}

/** Texts of ordinary files, in their encodings as another program writes them. */
const GB_18030 = Buffer.from(
  // 文本;标签 / 这家酒店的服务好好;正面 / 房间太小，早餐也不行;负面
  'cec4b1be3bb1eac7a90ad5e2bcd2bec6b5eab5c4b7fecef1bac3bac33bd5fdc3e60ab7bfbce4ccabd0a1a3acd4e7b2cdd2b2b2bbd0d03bb8bac3e60a',
  'hex',
);

describe('an encoding is found', () => {
  it('GB 18030, with semicolons as Excel writes them', async () => {
    const { rows, source } = await read('a.csv', GB_18030, {
      textColumn: '文本',
      labelColumn: '标签',
    });
    expect(rows).toEqual([
      ['这家酒店的服务好好', '正面'],
      ['房间太小，早餐也不行', '负面'],
    ]);
    expect(source).toMatchObject({
      encoding: { name: 'gb18030', found: 'guessed' },
      delimiter: { character: ';', found: 'guessed' },
    });
  });

  const SAMPLES: readonly (readonly [encoding: string, text: string])[] = [
    ['gb18030', '质量不错，包装也很好，下次还会再来买的。'],
    ['shift_jis', 'この映画はとても面白かったです。また見たいと思います。'],
    ['euc-jp', 'この映画はとても面白かったです。また見たいと思います。'],
    ['euc-kr', '이 영화는 정말 재미있었습니다 다시 보고 싶어요'],
    ['big5', '這家飯店的服務非常好，房間也很乾淨，下次還會再來。'],
    ['windows-1252', 'le café était fermé, où êtes-vous allés ?'],
    ['windows-1252', 'die Tür ist größer als die Brücke'],
    ['windows-1252', 'we don’t know “why” it does – really'],
  ];

  // Python writes the files: nothing of ours is tested against itself.
  it.skipIf(!hasPython())('of ordinary sentences, written by Python (python3)', async () => {
    const names: Readonly<Record<string, string>> = {
      'windows-1252': 'cp1252',
      shift_jis: 'cp932',
    };
    for (const [encoding, text] of SAMPLES) {
      const bytes = encode(names[encoding] ?? encoding, `text\n${text}\n`);
      const { rows, source } = await read('a.tsv', bytes);
      expect([source.encoding?.name, rows[0]?.[0]]).toEqual([encoding, text]);
      expect(source.encoding).toMatchObject({ found: 'guessed' });
    }
    const { message } = await refusal(
      'b.csv',
      encode('cp1251', 'text\nэтот фильм был очень хорош\n'),
    );
    expect(message).toMatch(/name it with `encoding` \(it may be .*windows-1251/);
    const russian = encode('koi8-r', 'text\nэтот фильм\n');
    expect((await read('c.csv', russian, { encoding: 'KOI8-R' })).rows).toEqual([
      ['этот фильм', undefined],
    ]);
    // Czech letters are in Windows-1252 too, but no language that is written in it has them all.
    const czech = await refusal('d.csv', encode('cp1250', 'text\npříliš žluťoučký kůň úpěl\n'));
    expect(czech.message).toContain('name it with `encoding`');
  });

  it('UTF-16 with a mark and without, of either order', async () => {
    const text = 'text,label\r\n狗 und Katze 😀,x\r\n';
    const little = Buffer.from(text, 'utf16le');
    const big = Buffer.from(text, 'utf16le').swap16();
    for (const [bytes, name] of [
      [little, 'utf-16le'],
      [big, 'utf-16be'],
    ] as const) {
      const mark = name === 'utf-16le' ? [0xff, 0xfe] : [0xfe, 0xff];
      const marked = await read('a.csv', Buffer.concat([Buffer.from(mark), bytes]));
      const plain = await read('b.csv', bytes);
      expect(marked.source.encoding).toEqual({ name, found: 'mark' });
      expect(plain.source.encoding).toMatchObject({ name, found: 'guessed' });
      for (const { rows } of [marked, plain]) expect(rows).toEqual([['狗 und Katze 😀', 'x']]);
    }
    const { message } = await refusal(
      'c.csv',
      Buffer.concat([Buffer.from([0xff, 0xfe]), little, Buffer.of(0x41)]),
    );
    expect(message).toMatch(/c\.csv:3: not valid utf-16le: byte 0x41 at offset \d+/);
  });

  it('UTF-8 wins, whatever else the bytes could be', async () => {
    // "é", which is "脙漏" as GB 18030 reads the bytes of UTF-8.
    const { rows, source } = await read('a.csv', 'text\ncafé 这家\n');
    expect(rows).toEqual([['café 这家', undefined]]);
    expect(source.encoding).toEqual({ name: 'utf-8', found: 'valid' });
  });

  it('after a megabyte of ASCII, at any border of chunks', async () => {
    for (const shift of [0, 1]) {
      const bytes = Buffer.concat([
        Buffer.from(`text\n${`${'plain words '.repeat(10)}\n`.repeat(10_000)}${'x'.repeat(shift)}`),
        Buffer.concat(
          Array.from({ length: 3000 }, () => Buffer.from('d5e2bcd2bec6b5eabac30a', 'hex')),
        ),
      ]);
      const { rows, source } = await read('a.csv', bytes);
      expect(source.encoding?.name).toBe('gb18030');
      expect(rows.at(-1)).toEqual(['这家酒店好', undefined]);
      expect(rows).toHaveLength(13_000);
    }
  });
});

describe('a named encoding', () => {
  it('is strict: the first wrong byte is named with its line', async () => {
    const bytes = Buffer.concat([GB_18030, Buffer.from('ok;a\n'), Buffer.of(0xb5, 0x20, 0x0a)]);
    const options = { encoding: 'gb2312', textColumn: '文本' };
    const { message, details } = await refusal('a.csv', bytes, options);
    expect(message).toBe(`a.csv:5: not valid gb18030: byte 0xb5 at offset ${GB_18030.length + 5}`);
    expect(details).toMatchObject({ line: 5, byteOffset: GB_18030.length + 5 });
  });

  it('reads the quotes of Windows-1252 in every version of Node', async () => {
    const bytes = Buffer.from([...Buffer.from('text\n'), 0x80, 0x93, 0xe9, 0x94, 0x0a]);
    const { rows } = await read('a.csv', bytes, { encoding: 'latin1' });
    expect(rows).toEqual([['€“é”', undefined]]);
  });

  it('must be one', async () => {
    const file = fileWith('a.csv', 'text\nx\n');
    await expect(readAllRows(file, { encoding: 'klingon' })).rejects.toThrow(
      /^encoding must be utf-8/,
    );
  });
});

describe('a delimiter is found', () => {
  const delimiterOf = async (name: string, content: string, options: ReadOptions = {}) =>
    (await read(name, content, options)).source.delimiter;

  it.each([
    ['a.csv', 'text;label\na, b;x\nc;y\n', ';', 'guessed'],
    ['a.csv', 'text\tlabel\na, b\tx\n', '\t', 'guessed'],
    ['a.csv', 'text|label\na, b|x\n', '|', 'guessed'],
    ['a.tsv', 'text,label\n"a, b",x\n', ',', 'guessed'],
    ['a.csv', 'text,label\na; b,x\n', ',', 'ending'],
    ['a.csv', 'text\nwell; this; has; some\nand; none\n', ',', 'ending'],
    ['a.csv', 'sep=;\ntext;label\na,x;y\n', ';', 'stated'],
  ])('%s %j: %j', async (name, content, character, found) => {
    expect(await delimiterOf(name, content)).toEqual({ character, found });
  });

  it('and a line sep=; keeps the numbers of lines', async () => {
    const file = fileWith('a.csv', 'sep=;\r\ntext;label\r\na;x\r\n');
    expect((await readAllRows(file))[0]).toMatchObject({ text: 'a', line: 3 });
  });
});

function hasPython(): boolean {
  try {
    execFileSync('python3', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

function encode(encoding: string, text: string): Buffer {
  const program = `import sys; sys.stdout.buffer.write(sys.stdin.buffer.read().decode("utf-8").encode("${encoding}"))`;
  return execFileSync('python3', ['-c', program], { input: text });
}
