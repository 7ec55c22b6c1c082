// The flags of native/sources.gypi: the promises of the kernels (same bits everywhere, one ISA per object)
// rest on them.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { check, repository, scratch } from './scratch.js';

const { variables } = JSON.parse(
  readFileSync(join(repository, 'native', 'sources.gypi'), 'utf8'),
) as { variables: Record<string, string[]> };
const flags = (name: string) => variables[name] ?? [];

describe('native/sources.gypi', () => {
  it('contracts nothing and reorders nothing', () => {
    expect(flags('common_cflags')).toContain('-ffp-contract=off');
    const all = Object.keys(variables).filter((name) => name.endsWith('_cflags'));
    expect(all.flatMap(flags)).not.toContain('-ffast-math');
    expect(all.flatMap(flags).filter((flag) => /unsafe-math|associative/.test(flag))).toEqual([]);
  });

  it('gives ISA flags to ISA files alone, each level including the one below', () => {
    const everywhere = [...flags('common_cflags'), ...flags('optimize_cflags')];
    expect(everywhere.filter((flag) => flag.startsWith('-m'))).toEqual([]);
    expect(flags('avx512_cflags')).toEqual(expect.arrayContaining(flags('avx2_cflags')));
    expect(flags('vnni_cflags')).toEqual(expect.arrayContaining(flags('avx512_cflags')));
  });

  it('refuses functions that no header declares', () => {
    expect(flags('engine_cflags')).toContain('-Wmissing-declarations');
  });
});

describe('check-isa-objects', () => {
  // One object in a folder named as the builds name it.
  function compile(source: string): string {
    const root = scratch({ 'kernel.cc': source, 'sinter_avx2.dir/placeholder': '' });
    const object = join(root, 'sinter_avx2.dir', 'kernel.cc.o');
    const args = ['-std=c++20', '-c', join(root, 'kernel.cc'), '-o', object];
    execFileSync(process.env.CXX ?? 'c++', args);
    return root;
  }

  it('passes an object whose helpers are its own', () => {
    const root = compile('namespace { int f() { return 1; } }\nint g() { return f(); }\n');
    expect(check('check-isa-objects.sh', root).output).toContain('ok (1)');
  });

  it('fails on an inline function that another object may end up calling', () => {
    const root = compile(
      'inline int shared_helper() { return 1; }\nint g() { return shared_helper(); }\n',
    );
    const { status, output } = check('check-isa-objects.sh', root);
    expect(output).toContain('shared_helper');
    expect(status).toBe(1);
  });

  it.skipIf(process.arch !== 'x64')('fails where there is nothing to check (needs x64)', () => {
    const { status, output } = check('check-isa-objects.sh', scratch({ 'readme.txt': '' }));
    expect(output).toContain('no ISA objects');
    expect(status).toBe(1);
  });
});
