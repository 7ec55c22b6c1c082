/**
 * What every command has: help, suggestions, exit codes, JSON, and one line for an error.
 */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { jsonOf, Scratch, sinter } from './support.js';

const COMMANDS = [
  'quickstart',
  'embed',
  'train',
  'evaluate',
  'report',
  'quantize',
  'convert',
  'inspect',
  'bench',
  'info',
];
const { version } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };

const scratch = new Scratch();

describe('help', () => {
  it('is shown without arguments, with every command and exit code', async () => {
    const { code, stdout, stderr } = await sinter([]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    for (const exit of [0, 1, 2, 3, 4, 5, 130]) {
      expect(stdout).toMatch(new RegExp(`^  ${exit} +\\S`, 'm'));
    }
  });

  it.each(COMMANDS)('of %s describes its options', async (command) => {
    const { code, stdout } = await sinter([command, '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: sinter ${command}`);
    expect(stdout).toContain('--json');
    expect(stdout).not.toContain('undefined');
  });

  it('--version is the version of the package', async () => {
    expect((await sinter(['--version'])).stdout).toBe(`${version}\n`);
  });
});

describe('mistakes in the command line', () => {
  it.each([
    { args: ['trian'], says: ["unknown command 'trian'", 'Did you mean train?'] },
    {
      args: ['embed', '--ot', 'x', 'text'],
      says: ["unknown option '--ot'", 'Did you mean --out?', 'sinter embed --help'],
    },
    { args: ['train', '--out', 'x'], says: ["required option '--train <file>'"] },
    {
      args: ['train', '--train', 'x', '--out', 'y', '--epochs', '1.5'],
      says: ["'1.5' is invalid", 'whole number from 1'],
    },
    { args: ['embed'], says: ['give texts, or --input FILE'] },
    { args: ['embed', 'a', '--format', 'npy'], says: ['give --out FILE'] },
    { args: ['embed', 'a', '--out', 'x.vec'], says: ['--format'] },
    { args: ['convert', '--out', 'x.onnx', '--opset', '9'], says: ['one of 14, 15'] },
    { args: ['inspect', 'a', 'b'], says: ['too many arguments'] },
    { args: ['evaluate', '--data', 'x.csv'], says: ['give --model DIR'] },
    { args: ['info', '--threads', '0'], says: ['whole number from 1'] },
  ])('$args', async ({ args, says }) => {
    const { code, stdout, stderr } = await sinter(args);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    for (const part of says) expect(stderr).toContain(part);
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe('failures', () => {
  it('a path where nothing is: code 2 and one line, as the table says', async () => {
    for (const name of ['nowhere', 'nowhere.onnx']) {
      const path = scratch.path(name);
      for (const args of [
        ['inspect', path],
        ['embed', 'a', '--model', path],
      ]) {
        const { code, stderr } = await sinter(args);
        expect(code).toBe(2);
        expect(stderr).toMatch(/^error: .*nowhere(\.onnx)?: no such file( or folder)?\n$/);
      }
    }
    const { code, stderr } = await sinter(['embed', '--input', scratch.path('nowhere.txt')]);
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringMatching(/no such file\n$/) });
  });

  it('a folder that is no model: code 4, one line, and a hint that is not the command itself', async () => {
    const folder = scratch.path('empty');
    await mkdir(folder);
    const { code, stderr } = await sinter(['inspect', folder]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/^error: .*config\.json: no such file\n$/);
    const embedded = await sinter(['embed', 'a', '--model', folder]);
    expect(embedded.stderr).toMatch(/^error: .*config\.json: no such file\nhint: .*inspect.*\n$/);
  });

  it('SINTER_DEBUG=1 shows the stack', async () => {
    const env = { SINTER_DEBUG: '1' };
    const { stderr } = await sinter(['inspect', scratch.path('nowhere')], { env });
    expect(stderr).toMatch(/^\s+at /m);
  });

  it('an addon that cannot be loaded: code 5', async () => {
    const env = { SINTER_NATIVE: scratch.path('none.node') };
    const { code, stderr } = await sinter(['embed', 'a'], { env });
    expect(code).toBe(5);
    expect(stderr).toContain('the native core was not compiled: ');
    expect(stderr).toContain('npm rebuild sinter');
    expect(stderr).not.toContain('Require stack');
  });

  it('a folder that cannot be written: code 2', async () => {
    const file = await scratch.file('file', '');
    const out = `${file}/vectors.jsonl`;
    const { code, stderr } = await sinter(['embed', 'a', '--out', out]);
    expect(code).toBe(2);
    expect(stderr).toContain('not a folder');
  });
});

describe('info', () => {
  it('says what it runs on', async () => {
    const { stdout } = await sinter(['info', '--threads', '1']);
    expect(stdout).toContain(version);
    const facts = jsonOf<Record<string, unknown>>(await sinter(['info', '--json']));
    expect(facts).toMatchObject({ version, node: process.version });
    expect(facts.threads).toBeGreaterThan(0);
  });

  it('a forced instruction set is the one that runs', async () => {
    const facts = jsonOf<{ isa: string }>(
      await sinter(['info', '--json'], { env: { SINTER_ISA: 'scalar' } }),
    );
    expect(facts.isa).toBe('scalar');
  });
});
