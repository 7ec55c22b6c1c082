// Programs of the README and the guides are run as they are printed: the recipes in their order, in one folder of a user's
// project, and programs of the guides whose output is printed below them, with that output.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repository } from './scratch.js';

/** The programs below `## Recipes` by their heading. */
function recipesOf(text: string): Map<string, string> {
  const [part = ''] = text.split('\n## Recipes\n').slice(1).join('').split('\n## ');
  // Words may stand between the heading and the program.
  const found = part.matchAll(/^### (.+)\n(?:(?!#|```).*\n)*```js\n([\s\S]+?)```/gm);
  return new Map([...found].map(([, name = '', program = '']) => [name, program]));
}

const recipes = recipesOf(readFileSync(join(repository, 'README.md'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'sinter-recipes-'));

/** Sample rows of five labels, under the names that the recipes use. */
beforeAll(() => {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(repository, join(folder, 'node_modules', 'sinter'));
  const lines = readFileSync(join(repository, 'data/banking77/train.csv'), 'utf8').split('\n');
  const rows = lines.filter((line) => /,(card_|lost_or|get_physical)/.test(line)).slice(0, 120);
  writeFileSync(join(folder, 'rows.csv'), ['text,label', ...rows, ''].join('\n'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(name: string): string {
  const path = join(folder, `${name.replaceAll(/\W+/g, '-')}.mjs`);
  writeFileSync(path, recipes.get(name) ?? '');
  return path;
}

async function outputOf(name: string): Promise<string> {
  const run = promisify(execFile);
  return (await run(process.execPath, [written(name)], { cwd: folder })).stdout;
}

/** Starts a server that prints its port. */
async function started(name: string): Promise<{ child: ChildProcess; port: string }> {
  const env = { ...process.env, PORT: '0' };
  const child = spawn(process.execPath, [written(name)], { cwd: folder, env });
  let said = '';
  for await (const chunk of child.stdout ?? []) {
    said += chunk;
    const port = /port (\d+)\n/.exec(said)?.[1];
    if (port !== undefined) return { child, port };
  }
  throw new Error(`the server ended: ${said}`);
}

describe('recipes of README.md', { timeout: 300_000 }, () => {
  it('are five', () => {
    const names = ['Embed', 'Classify', 'Serve', 'Compress', 'ONNX, out and in'];
    expect([...recipes.keys()]).toEqual(names);
  });

  it('Embed finds the text that means the same', async () => {
    expect(await outputOf('Embed')).toMatch(/^My card was eaten by the machine 0\.\d\d\n$/);
  });

  it('Classify trains, predicts and saves', async () => {
    const [accuracy = '', prediction = ''] = (await outputOf('Classify')).split('\n');
    expect(Number(accuracy)).toBeGreaterThan(0.5);
    expect(prediction).toMatch(/^card_arrival 0\.\d+/);
  });

  it('Serve answers two callers', async () => {
    const { child, port } = await started('Serve');
    try {
      const ask = (body: string) => fetch(`http://127.0.0.1:${port}`, { method: 'POST', body });
      const both = await Promise.all([ask('Where is my card?'), ask('I lost my card')]);
      const answers = await Promise.all(both.map((response) => response.json()));
      expect(answers[0]).toMatchObject({ label: 'card_arrival' });
      expect(answers[1]).toMatchObject({ label: expect.stringContaining('card') });
    } finally {
      child.kill();
    }
  });

  it('Compress predicts with int8', async () => {
    expect(await outputOf('Compress')).toMatch(/^card_arrival 0\.\d+\n$/);
  });

  it('ONNX goes out and comes back', async () => {
    expect(await outputOf('ONNX, out and in')).toMatch(/^card_arrival 0\.\d+\n$/);
  });
});

/** The first program below a heading, and the block after it. */
function programBelow(page: string, heading: string): { program: string; printed: string } {
  const text = readFileSync(join(repository, page), 'utf8').split(`\n${heading}\n`)[1] ?? '';
  const found = /```js\n([\s\S]+?)```[\s\S]*?```\n(?:\$ .*\n)?([\s\S]+?)```/.exec(text);
  return { program: found?.[1] ?? '', printed: found?.[2] ?? '' };
}

describe('programs of the guides print what the page says', { timeout: 120_000 }, () => {
  it.each([
    ['docs/guide/getting-started.md', '## Vectors'],
    ['docs/guide/vectors.md', '## Without a store'],
  ])('%s, %s', async (page, heading) => {
    const { program, printed } = programBelow(page, heading);
    expect(printed).not.toBe('');
    copyFileSync(join(repository, 'data/banking77/train.csv'), join(folder, 'train.csv'));
    const path = join(folder, 'guide.mjs');
    writeFileSync(path, program);
    const { stdout } = await promisify(execFile)(process.execPath, [path], { cwd: folder });
    expect(stdout).toBe(printed);
  });
});
