// docs/guide/cli.md has every command and option of the program, and names none that does not exist.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../lib/cli/program.js';

const page = readFileSync(new URL('../../docs/guide/cli.md', import.meta.url), 'utf8');
const sink = { write: () => true } as never;
const { commands } = createProgram({ stdout: sink, stderr: sink } as never);

/** Text below the heading `title`, down to the next one of its level. */
function below(title: string): string {
  const [level = ''] = title.split(' ');
  return page.split(`\n${title}\n`)[1]?.split(`\n${level} `)[0] ?? '';
}

function flagsOf(text: string): string[] {
  return [...text.matchAll(/(?<![\w-])--[a-z][a-z\d-]*/g)].map(([flag]) => flag);
}

/** Of the table of shared options: the flags and the commands of each row; null for all commands. */
const shared = [
  ...below('### Options of several commands').matchAll(/^\| (.*?-.*?) \| (.*?) \|/gm),
].map(([, flags = '', names = '']) => ({
  flags: flagsOf(flags),
  names: names === 'all' ? null : [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name),
}));

function longsOf({ options }: (typeof commands)[number]): string[] {
  return options.map(({ long }) => long ?? '');
}

const all = new Set(commands.flatMap(longsOf).concat(['--help']));

describe('docs/guide/cli.md', () => {
  it('has a section and a row of the first table for every command', () => {
    const names = commands.map((command) => command.name());
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !page.includes(`\n## ${name}\n`))).toEqual([]);
    expect(names.filter((name) => !page.includes(`\n| [\`${name}\`](`))).toEqual([]);
  });

  it.each(commands.map((command) => [command.name(), command] as const))(
    'describes every option of %s',
    (name, command) => {
      const rows = shared.filter(({ names }) => names?.includes(name) ?? true);
      const told = flagsOf(below(`## ${name}`)).concat(rows.flatMap(({ flags }) => flags));
      expect(longsOf(command).filter((flag) => !told.includes(flag))).toEqual([]);
      const listed = rows.flatMap(({ flags }) => flags);
      expect(listed.length).toBeGreaterThan(1);
      expect(listed.filter((flag) => !longsOf(command).includes(flag))).toEqual([]);
    },
  );

  it('names no option that no command has', () => {
    expect(flagsOf(page).filter((flag) => !all.has(flag))).toEqual([]);
  });
});
