// Bundles dist/ into dist/bundle/: the entry of the package, the command line and the worker threads, with chunks for what they share.
// Node loads a few files instead of five hundred modules: importing the package takes less than half of the CPU time, starting the
// import of an ONNX file a third (docs/decisions.md). The code is not minified: stack traces stay readable.
import { readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** Name in dist/bundle/ -> module in dist/. Worker threads are those of `workerFile` in lib/core/package-files.ts. */
const ENTRIES = {
  index: 'index.js',
  main: 'cli/main.js',
  'onnx-worker': 'checkpoint/onnx/onnx-worker.js',
  'ahead-worker': 'checkpoint/onnx/ahead-worker.js',
  'parquet-worker': 'data/parquet-worker.js',
  'settings-worker': 'cli/settings-worker.js',
  'page-worker': 'monitor/page/page-worker.js',
};

/** What the first load of a model imports (lib/checkpoint/load-lazily.ts). */
const LOAD = ['checkpoint/locate-model.js', 'checkpoint/load-model.js'];

/** Modules that a module imports at once, those that these import, and itself. */
function closureOf(files, found = new Set()) {
  for (const file of files) {
    if (found.has(file)) continue;
    found.add(file);
    const imports = readFileSync(file, 'utf8').matchAll(
      /^(?:import|export) [^;]*?["'](\.[^"']+)["'];?$/gm,
    );
    closureOf(
      [...imports].map(([, path]) => resolve(dirname(file), path)),
      found,
    );
  }
  return found;
}

/**
 * Groups of modules that are one file each: what `index` imports, and what the first load of a model does, its tokenizer apart. A file
 * costs Node half a millisecond and is compiled in one turn of the event loop: 350 KB took 15 ms. Modules of other entries are left
 * alone, so that a thread or a command loads no more than it needs.
 */
function groupsOf(dist) {
  const { index, ...others } = Object.fromEntries(
    Object.entries(ENTRIES).map(([name, file]) => [name, join(dist, file)]),
  );
  const elsewhere = closureOf(Object.values(others));
  const atOnce = closureOf([index]);
  const load = closureOf(LOAD.map((file) => join(dist, file)));
  const isOf = (set, without) => (id) => set.has(id) && !without.some((other) => other.has(id));
  const ofLoad = isOf(load, [elsewhere, atOnce]);
  return [
    { name: 'models', test: isOf(atOnce, [elsewhere]) },
    { name: 'tokenize', test: (id) => id.includes('/dist/tokenize/') && ofLoad(id) },
    { name: 'load', test: ofLoad },
  ];
}

/** Bundles the compiled modules below `root`/dist. */
export async function bundle(root) {
  const { rolldown } = await import('rolldown');
  const { dependencies, peerDependencies } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  );
  const packages = Object.keys({ ...dependencies, ...peerDependencies });
  const isExternal = (id) =>
    id.startsWith('node:') ||
    // A file of the package by a name of package.json.
    id.startsWith('#') ||
    packages.some((name) => id === name || id.startsWith(`${name}/`));
  const dist = join(root, 'dist');
  rmSync(join(dist, 'bundle'), { recursive: true, force: true });
  const build = await rolldown({
    input: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, file]) => [name, join(dist, file)]),
    ),
    platform: 'node',
    external: isExternal,
    onLog(level, { code, message }) {
      // A module that one entry imports later and another at once is loaded at once by both.
      if (code === 'INEFFECTIVE_DYNAMIC_IMPORT') return;
      if (level === 'warn') throw new Error(`bundle: ${message}`);
    },
  });
  await build.write({
    dir: join(dist, 'bundle'),
    format: 'esm',
    chunkFileNames: '[name]-[hash].js',
    // Node scans docstrings at each start, and the declarations have them.
    comments: { legal: true, annotation: false, jsdoc: false },
    // What nearly every entry loads is one file: left alone, each set of entries that share a module makes one more chunk.
    codeSplitting: {
      groups: [
        { name: 'core', test: /\/dist\/(core|graph|metrics|native|runtime)\//, minShareCount: 3 },
        ...groupsOf(dist),
      ],
    },
  });
  await build.close();
}
