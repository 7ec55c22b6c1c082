/** Where the core is looked for. */
import { describe, expect, it } from 'vitest';
import { coreFiles, prebuiltPackages } from '../../lib/native/core-file.js';
import { PLATFORMS } from '../../scripts/prebuild/platforms.mjs';

describe('packages with a core', () => {
  it('are one for each C library on Linux, one elsewhere, none where none is made', () => {
    expect(prebuiltPackages('linux', 'x64')).toEqual([
      '@sinter/linux-x64',
      '@sinter/linux-x64-musl',
    ]);
    expect(prebuiltPackages('darwin', 'arm64')).toEqual(['@sinter/darwin-arm64']);
    expect(prebuiltPackages('linux', 'riscv64')).toEqual([]);
  });

  it('are those that the script makes', () => {
    const made = Object.entries(PLATFORMS).map(([name, { os, cpu }]) => [
      os,
      cpu,
      `@sinter/${name}`,
    ]);
    for (const [os = '', cpu = '', name] of made) expect(prebuiltPackages(os, cpu)).toContain(name);
  });
});

it('a core that was compiled here goes first', () => {
  const [first, ...others] = coreFiles();
  expect(first).toMatchObject({ package: null });
  expect(others).toEqual([]);
});
