/** What is said where the native core was not compiled: in one line, and as the package manager wants it. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileHint, coreProblem } from '../../lib/native/missing-core.js';
import { scratch } from '../build/scratch.js';

describe('compileHint', () => {
  it('npm: rebuild', () => {
    const folder = join(scratch({}), 'node_modules', 'sinter');
    expect(compileHint(folder)).toContain('npm rebuild sinter --foreground-scripts');
    expect(compileHint('/somewhere/sinter')).toContain('npm rebuild sinter --foreground-scripts');
  });

  it('pnpm: approve', () => {
    const store = ['node_modules', '.pnpm', 'sinter@0.1.0', 'node_modules', 'sinter'];
    expect(compileHint(join(scratch({}), ...store))).toContain('pnpm approve-builds');
  });

  it('yarn: allow the scripts of the package', () => {
    const project = scratch({});
    mkdirSync(join(project, 'node_modules', 'sinter'), { recursive: true });
    writeFileSync(join(project, 'node_modules', '.yarn-state.yml'), '');
    const hint = compileHint(join(project, 'node_modules', 'sinter', '/'));
    expect(hint).toContain('"dependenciesMeta": { "sinter": { "built": true } }');
    expect(hint).toContain('yarn install');
  });
});

describe('coreProblem', () => {
  it('a missing file, and another failure, each in one line', () => {
    const missing = { code: 'MODULE_NOT_FOUND', message: "Cannot find module 'x'\nRequire stack:" };
    const compiled = { path: '/x/sinter.node', package: null };
    expect(coreProblem(compiled, missing)).toContain(
      'the native core was not compiled: /x/sinter.node is missing',
    );
    const foreign = { code: 'ERR_DLOPEN_FAILED', message: 'undefined symbol: x\nat x' };
    expect(coreProblem(compiled, foreign)).toBe(
      'the native core at /x/sinter.node could not be loaded: undefined symbol: x',
    );
    expect(coreProblem({ ...compiled, package: '@sinter/linux-x64' }, foreign)).toBe(
      'the native core of @sinter/linux-x64 at /x/sinter.node could not be loaded: undefined symbol: x',
    );
  });
});
