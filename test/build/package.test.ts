// The npm package and the lock file: what is shipped, and that an install needs the npm registry alone.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packedFiles } from './packed.js';
import { repository } from './scratch.js';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(join(repository, name), 'utf8'));
}

/** All texts of a tree of JSON. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(textsOf);
}

describe('the package', () => {
  const files = packedFiles();

  it('holds what the addon is built from, with CMake and without', () => {
    const { variables } = JSON.parse(
      readFileSync(join(repository, 'native', 'sources.gypi'), 'utf8'),
    ) as { variables: Record<string, string[]> };
    const lists = Object.keys(variables).filter((name) => /^(?!addon_test).*_files$/.test(name));
    const sources = lists.flatMap((name) => variables[name] ?? []).map((name) => `native/${name}`);
    const builders = ['CMakeLists.txt', 'binding.gyp', 'native/sources.gypi', 'scripts/build.mjs'];
    expect(sources.length).toBeGreaterThan(50);
    expect([...sources, ...builders].filter((path) => !files.includes(path))).toEqual([]);
  });

  it('holds the bundle and one file of declarations, not the modules that they are made of', () => {
    const workers = [
      'onnx-worker',
      'ahead-worker',
      'parquet-worker',
      'settings-worker',
      'page-worker',
    ];
    for (const name of ['index', 'main', ...workers]) {
      expect(files).toContain(`dist/bundle/${name}.js`);
    }
    const others = /^dist\/(?!bundle\/|vendor\/|index\.d\.ts$)/;
    expect(files.filter((path) => others.test(path))).toEqual([]);
  });

  it('holds what package.json names', () => {
    const { exports, imports, bin } = readJson('package.json') as Record<string, unknown>;
    const named = textsOf([exports, imports, bin]).filter((path) => /^(\.\/)?dist\//.test(path));
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((path) => !files.includes(path.replace('./', '')))).toEqual([]);
  });

  it('holds the model and the licences', () => {
    expect(files).toContain('models/all-MiniLM-L6-v2/model.safetensors');
    const licences = ['LICENSE', 'NOTICE', 'dist/vendor/echarts/LICENSE'];
    expect(licences.filter((path) => !files.includes(path))).toEqual([]);
  });

  it('holds no tests, no build output, no source maps, and nothing that only a checkout needs', () => {
    const unwanted =
      /^(test|bench\/(?!README)|build|lib|node_modules|scripts\/package|native\/addon_test)\/|^dist\/\.|\.map$/;
    expect(files.filter((path) => unwanted.test(path))).toEqual([]);
    expect(readFileSync(join(repository, 'dist', 'bundle', 'index.js'), 'utf8')).not.toContain(
      'sourceMappingURL',
    );
  });
});

describe('package-lock.json', () => {
  const { packages } = readJson('package-lock.json') as {
    packages: Readonly<Record<string, LockedPackage>>;
  };
  const entries = Object.entries(packages).filter(([path]) => path !== '');

  it('names no registry, and a checksum for every package', () => {
    expect(entries.filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
    expect(entries.filter(([, entry]) => entry.integrity === undefined)).toEqual([]);
  });

  // npm leaves out what its registry lacks at that moment, and `npm ci` then fails on every machine.
  it('holds the optional packages of every platform', () => {
    const missing = entries.flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) =>
          !(`${path}/node_modules/${name}` in packages || `node_modules/${name}` in packages),
      ),
    );
    expect(missing).toEqual([]);
  });

  it('keeps what only a checkout needs out of what users install', () => {
    const { dependencies } = readJson('package.json') as { dependencies: Record<string, string> };
    const theirs = [
      '@fastify/swagger',
      'commander',
      'csv-parse',
      'fastify',
      'hyparquet',
      'hyparquet-compressors',
      'hyparquet-writer',
      'node-addon-api',
      'node-api-headers',
      'tokenizers',
      'yaml',
    ];
    expect(Object.keys(dependencies)).toEqual(theirs);
  });
});
