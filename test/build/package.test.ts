// The npm package and the lock file: what is shipped, and that an install needs the npm registry alone.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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

describe('the package', () => {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
  const packed = spawnSync('npm', args, { cwd: repository, encoding: 'utf8', shell: false });
  const [manifest] = JSON.parse(packed.stdout) as { files: { path: string }[] }[];
  const files = manifest?.files.map((file) => file.path) ?? [];

  it('holds what the addon is built from', () => {
    expect(files).toContain('native/sources.gypi');
    expect(files).toContain('native/base/isa.cc');
    expect(files).toContain('CMakeLists.txt');
    expect(files).toContain('scripts/build.mjs');
    expect(files).toContain('models/all-MiniLM-L6-v2/model.safetensors');
    expect(files).toContain('LICENSE');
    expect(files).toContain('NOTICE');
  });

  it('holds the bundle and the declarations, not the modules that the bundle is made of', () => {
    const workers = ['onnx-worker', 'ahead-worker', 'parquet-worker', 'settings-worker'];
    for (const name of ['index', 'main', ...workers]) {
      expect(files).toContain(`dist/bundle/${name}.js`);
    }
    expect(files).toContain('dist/index.d.ts');
    const others = /^dist\/(?!bundle\/).*(?<!\.d\.ts)$/;
    expect(files.filter((path) => others.test(path))).toEqual([]);
  });

  it('holds no tests, no build output and no binding.gyp', () => {
    const unwanted = /^(test|bench|build|docs|node_modules|native\/addon_test)\/|^binding\.gyp$/;
    expect(files.filter((path) => unwanted.test(path))).toEqual([]);
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

  it('keeps onnxruntime-node out of what users install', () => {
    const { dependencies } = readJson('package.json') as { dependencies: Record<string, string> };
    expect(Object.keys(dependencies)).not.toContain('onnxruntime-node');
  });
});
