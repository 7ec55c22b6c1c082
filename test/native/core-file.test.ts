/** Where the core is looked for. */
import { describe, expect, it } from 'vitest';
import { coreFiles, prebuiltPackages } from '../../lib/native/core-file.js';

type Platforms = Readonly<Record<string, { readonly os: string; readonly cpu: string }>>;
const script = '../../scripts/prebuild/platforms.mjs';
const { PLATFORMS } = (await import(script)) as { readonly PLATFORMS: Platforms };

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
    for (const [name, { os, cpu }] of Object.entries(PLATFORMS)) {
      expect(prebuiltPackages(os, cpu)).toContain(`@sinter/${name}`);
    }
  });
});

it('a core that was compiled here goes first', () => {
  const [first, ...others] = coreFiles();
  expect(first).toMatchObject({ package: null });
  expect(others).toEqual([]);
});
