// Checks that a folder of native/ or lib/ includes or imports only what its row in layers.json allows.
// Type-only imports count too: a layer that knows another layer's types knows that layer.
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { report, rootFromArguments, walk } from './source-files.mjs';

const root = rootFromArguments();
const here = dirname(fileURLToPath(import.meta.url));
const table = JSON.parse(readFileSync(join(here, 'layers.json'), 'utf8'));
const problems = [];

const INCLUDE = /^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)/;
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g;

/** Yields [line number, target, quoted] for each include of a C++ file. */
function* includes(text) {
  for (const [index, line] of text.split('\n').entries()) {
    const match = INCLUDE.exec(line);
    if (match) yield [index + 1, match[1] ?? match[2], match[1] !== undefined];
  }
}

/** Yields [line number, specifier] for each import or re-export of a TypeScript file. */
function* imports(text) {
  for (const match of text.matchAll(IMPORT)) {
    yield [text.slice(0, match.index).split('\n').length, match[1]];
  }
}

function checkOnlyIn(file, line, name) {
  const homes = table.onlyIn[name];
  if (homes && !homes.some((home) => file.startsWith(`${home}/`))) {
    problems.push(`${file}:${line}: ${name} may only be used in ${homes.join(', ')}`);
  }
}

function checkEdge(tree, file, line, layer, target) {
  const row = table[tree][layer];
  if (!row) {
    problems.push(`${file}:${line}: ${tree}/${layer} has no row in scripts/layers.json`);
  } else if (row.includes('*')) {
    return;
  } else if (layer !== target && ![...row, ...(table.exceptions[file] ?? [])].includes(target)) {
    problems.push(`${file}:${line}: ${tree}/${layer} must not see ${tree}/${target}`);
  }
}

for (const file of walk(root, 'native').filter((path) => /\.(cc|h|inc|cu)$/.test(path))) {
  const layer = file.split('/')[1];
  for (const [line, target, quoted] of includes(readFileSync(join(root, file), 'utf8'))) {
    checkOnlyIn(file, line, target);
    if (!quoted) continue;
    if (!(target.split('/')[0] in table.native)) {
      problems.push(`${file}:${line}: "${target}" must be a path from native/, as in "base/isa.h"`);
    } else {
      checkEdge('native', file, line, layer, target.split('/')[0]);
    }
  }
}

for (const file of walk(root, 'lib').filter((path) => path.endsWith('.ts'))) {
  const layer = file.split('/')[1];
  for (const [line, target] of imports(readFileSync(join(root, file), 'utf8'))) {
    const parts = target.split('/');
    checkOnlyIn(file, line, target.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]);
    if (!target.startsWith('.') || layer.endsWith('.ts')) continue; // index.ts sees every layer
    const path = posix.join(posix.dirname(file), target).split('/');
    if (path[0] !== 'lib') problems.push(`${file}:${line}: ${target} leaves lib/`);
    else checkEdge('lib', file, line, layer, path[1]);
  }
}

report('layers', problems);
