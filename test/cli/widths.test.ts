/**
 * What every command prints fits the terminal, with labels, texts and names that are long, Chinese or hostile.
 *
 * The rule: COLUMNS stands for a terminal of that width; what programs read is the same at every width, and never coloured.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { displayWidth } from '../../lib/cli/width.js';
import { Scratch, sinter, TINY } from './support.js';

const scratch = new Scratch();
const COMMANDS = [
  ...[
    'quickstart',
    'embed',
    'check',
    'train',
    'predict',
    'evaluate',
    'report',
    'quantize',
    'compress',
    'convert',
  ],
  ...['inspect', 'pull', 'bench', 'info'],
];
const LABELS = [
  '物流配送速度太慢而且包装破损的客户投诉问题分类标签名称特别长特别长特别长',
  'a label of many words that goes on and on beyond the width of any terminal there is',
  'evil\u001b[2J\u001b[31m\u202egnp\u009b1m',
  'x'.repeat(120),
];
const STYLES = new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, 'g');
const RED_ERROR = '\u001b[31merror:\u001b[39m';
const CONTROL = /(?!\n)[\p{Cc}\u202A-\u202E\u2066-\u2069]/u;
// Short names, because a path stays whole.
const run = (args: readonly string[], env: Record<string, string> = {}) =>
  sinter(args, { cwd: scratch.path(), env });

/** A word that is longer than a line stays whole on stderr: it may be a path. */
const isWord = (line: string): boolean => /^ *\S+$/.test(line);

function expectFits(text: string, columns: number, mayPass = (_line: string) => false) {
  const wide = text.split('\n').filter((line) => displayWidth(line) > columns && !mayPass(line));
  expect(wide).toEqual([]);
  expect(text).not.toMatch(CONTROL);
}

beforeAll(async () => {
  const rows = Array.from({ length: 48 }, (_, i) => ({
    text: `the film was number ${i} ${LABELS[i % LABELS.length]}`,
    label: LABELS[(i + (i % 7 === 0 ? 1 : 0)) % LABELS.length],
  }));
  await scratch.file('rows.jsonl', rows.map((row) => JSON.stringify(row)).join('\n'));
  const scores = rows.map(({ text }, i) => ({ text, pair: text.slice(9), score: i % 5 }));
  await scratch.file('scores.jsonl', scores.map((row) => JSON.stringify(row)).join('\n'));
  const train = ['train', '--train', 'rows.jsonl', '--out', 'model', '--model', TINY, '--quiet'];
  expect(await run([...train, '--epochs', '1'])).toMatchObject({ code: 0 });
  const onnx = ['convert', '--model', 'model', '--out', 'm.onnx'];
  expect(await run(onnx)).toMatchObject({ code: 0 });
}, 60_000);

describe.each([80, 60])('%i columns', (columns) => {
  const env = { COLUMNS: String(columns) };

  it.each(COMMANDS.map((command) => [command]))('%s --help', async (command) => {
    const { code, stdout } = await run([command, '--help'], env);
    expect(code).toBe(0);
    expectFits(stdout, columns);
  });

  it('--help', async () => {
    expectFits((await run(['--help'], env)).stdout, columns);
  });

  const data = ['--model', 'model', '--data', 'rows.jsonl'];
  const train = ['train', '--train', 'rows.jsonl', '--hold-out', '0.2', '--model', 'model'];
  const fast = ['--limit', '8', '--rounds', '1', '--no-transformers'];
  it.each([
    ['inspect a folder', ['inspect', 'model']],
    ['inspect the embedded model', ['inspect', '--no-graph']],
    ['inspect an ONNX file', ['inspect', 'm.onnx']],
    ['evaluate', ['evaluate', ...data, '--confusions', '9']],
    ['check', ['check', 'rows.jsonl', '--model', 'model']],
    ['train', [...train, '--out', 'trained', '--epochs', '2', '--quantize', '--overwrite']],
    ['quantize', ['quantize', '--model', 'model', '--out', 'int8', '--overwrite']],
    ['convert', ['convert', '--model', 'model', '--out', 'f16', '--dtype', 'f16', '--overwrite']],
    ['bench', ['bench', '--model', 'model', '--texts', 'rows.jsonl', ...fast]],
    ['info', ['info']],
    ['predict to a file', ['predict', '--model', 'model', '-i', 'rows.jsonl', '-o', 'p.csv']],
    [
      'evaluate pairs',
      ['evaluate', '--data', 'scores.jsonl', '--pair-column', 'pair', '--score-column', 'score'],
    ],
  ])('%s', async (_, args) => {
    const { code, stdout, stderr } = await run(args, env);
    expect([code, stderr]).toEqual([0, expect.any(String)]);
    expect(stdout).not.toBe('');
    expectFits(stdout, columns);
    expectFits(stderr, columns, isWord);
  });

  it('an error', async () => {
    const unknown = await run(['evaluate', ...data, '--label-column', LABELS[1] ?? ''], env);
    expect(unknown.code).toBe(3);
    expectFits(unknown.stderr, columns, isWord);
  });
});

describe('what programs read', () => {
  it('is the same at every width, and never coloured', async () => {
    for (const args of [
      ['predict', '--model', 'model', '-q', '-i', 'rows.jsonl'],
      ['predict', '--model', 'model', '-q', '-i', 'rows.jsonl', '--format', 'csv'],
      ['evaluate', '--model', 'model', '-q', '--data', 'rows.jsonl', '--json'],
      ['check', 'rows.jsonl', '--json'],
    ]) {
      const plain = await run(args);
      const narrow = await run(args, { COLUMNS: '40', FORCE_COLOR: '1' });
      expect(plain.code).toBe(0);
      expect(narrow).toEqual(plain);
    }
  });

  it('into a pipe nothing is cut or coloured, and FORCE_COLOR adds colours only', async () => {
    const args = ['evaluate', '--model', 'model', '-q', '--data', 'rows.jsonl'];
    const { stdout } = await run(args);
    for (const label of [LABELS[0], LABELS[1], LABELS[3]]) expect(stdout).toContain(label);
    expect(stdout).not.toMatch(STYLES);
    const coloured = await run(args, { FORCE_COLOR: '1' });
    expect(coloured.stdout).toContain('\u001b[1mlabel');
    expect(coloured.stdout.replace(STYLES, '')).toBe(stdout);
    expect((await run(args, { FORCE_COLOR: '0' })).stdout).toBe(stdout);
  });

  it('errors and help have colours where they are asked for', async () => {
    const error = await run(['embed', 'a', '--model', 'nowhere'], { FORCE_COLOR: '1' });
    expect(error.stderr.startsWith(`${RED_ERROR} `)).toBe(true);
    const unknown = await run(['nonsense'], { FORCE_COLOR: '1' });
    expect(unknown.stderr.startsWith(`${RED_ERROR} unknown command`)).toBe(true);
    const help = await run(['--help'], { FORCE_COLOR: '1' });
    expect(help.stdout).toContain('\u001b[1mUsage:\u001b[22m');
    expect(help.stdout).toContain('\u001b[1mExamples:\u001b[22m');
    expect((await run(['--help'])).stdout).toBe(help.stdout.replace(STYLES, ''));
  });
});

it('names of files and models with control characters', async () => {
  const name = 'x\u001b[31m\u009b1m\u202e\u0007.jsonl';
  await scratch.file(name, '{"text":"the film","label":"a"}\n{"text":"a story","label":"b"}\n');
  const out = 'out\u001b[2J\u202e';
  for (const args of [
    ['check', name],
    ['train', '--train', name, '--out', out, '--model', TINY, '--epochs', '1'],
    ['inspect', out],
    ['evaluate', '--model', out, '--data', name],
    ['quantize', '--model', out, '--out', `${out}8`],
    ['predict', '--model', out, '-i', name, '-o', `${out}.csv`],
  ]) {
    const { code, stdout, stderr } = await run(args, { COLUMNS: '60', FORCE_COLOR: '1' });
    expect([args[0], code, stderr]).toEqual([args[0], 0, expect.any(String)]);
    for (const text of [stdout, stderr]) expect(text.replace(STYLES, '')).not.toMatch(CONTROL);
  }
  const missing = await run(['pull', 'a/\u001b[31m\u202e'], { HF_HUB_OFFLINE: '1' });
  expect(missing.code).not.toBe(0);
  expect(missing.stderr).not.toMatch(CONTROL);
}, 60_000);
