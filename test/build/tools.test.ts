/**
 * What the install script says where a tool is missing: one sentence, before it writes anything.
 *
 * The script runs with a PATH of links to the tools that a case has, so the tools are the real ones.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { repository, scratch } from './scratch.js';

function pathOf(tool: string): string | undefined {
  const places = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, tool));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Which of `tools` this machine lacks: a case with them can't be tested. */
const lacking = (tools: readonly string[]) => tools.filter((tool) => pathOf(tool) === undefined);

/** Runs the install script with `tools` alone. */
function install(
  tools: readonly string[],
  env: NodeJS.ProcessEnv = {},
  before: readonly string[] = [],
) {
  const bin = scratch({});
  // /bin/sh, which CXX is run by, is found without the PATH.
  for (const tool of tools) symlinkSync(pathOf(tool) ?? tool, join(bin, tool));
  const work = scratch({});
  const script = join(repository, 'scripts', 'build.mjs');
  const result = spawnSync(process.execPath, [...before, script, '--native'], {
    cwd: work,
    env: { PATH: bin, HOME: work, SINTER_BUILD: '', ...env },
    encoding: 'utf8',
  });
  return { status: result.status, said: result.stderr.trimEnd(), printed: result.stdout };
}

describe('the install script names what is missing in one sentence', () => {
  const cases: [what: string, tools: string[], env: NodeJS.ProcessEnv, sentence: RegExp][] = [
    [
      'no compiler',
      ['make', 'cmake'],
      {},
      /^sinter: no C\+\+ compiler was found.*apt-get install g\+\+/,
    ],
    [
      'a compiler that cannot compile C++20',
      ['make', 'cmake', 'false'],
      { CXX: 'false' },
      /^sinter: false cannot compile C\+\+20 .*GCC 12/,
    ],
    ['no make for CMake', ['c++', 'cmake'], {}, /^sinter: make was not found.*apk install make/],
    ['no make for node-gyp', ['c++', 'python3'], {}, /^sinter: make was not found/],
    [
      'neither CMake nor Python',
      ['c++', 'make'],
      {},
      /^sinter: neither CMake 3\.19 or newer nor Python 3\.8 .*install cmake/,
    ],
    [
      'no CMake where it is asked for',
      ['c++', 'make'],
      { SINTER_BUILD: 'cmake' },
      /^sinter: CMake 3\.19 or newer was asked for and not found/,
    ],
  ];
  for (const [what, tools, env, sentence] of cases) {
    const missing = lacking(tools);
    const name = missing.length > 0 ? `${what} (needs ${missing.join(', ')})` : what;
    it.skipIf(missing.length > 0)(name, () => {
      const { status, said, printed } = install(tools, env);
      expect(said).toMatch(sentence);
      expect(said).toMatch(/[^.]\.$/);
      expect(said).not.toContain('\n');
      expect(printed).toBe('');
      expect(status).toBe(1);
    });
  }

  it.each([
    [
      'win32',
      'x64',
      /^sinter: the native core is not compiled on Windows: install @sinter\/win32-x64/,
    ],
    ['win32', 'arm64', /^sinter: win32 on arm64 is not supported/],
    ['freebsd', 'x64', /^sinter: freebsd on x64 is not supported/],
    ['linux', 's390x', /^sinter: linux on s390x is not supported/],
  ])('%s on %s', (platform, arch, sentence) => {
    const code = `Object.defineProperties(process, { platform: { value: '${platform}' }, arch: { value: '${arch}' } })`;
    const before = ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
    const { status, said } = install(['c++', 'make'], {}, before);
    expect(said).toMatch(sentence);
    expect(said).not.toContain('\n');
    expect(status).toBe(1);
  });
});
