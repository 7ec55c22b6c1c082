// Checks that each .cc file of native/ is in exactly one list of sources.gypi, in the list that its folder
// and name ask for, and that each listed file exists. --fix rewrites the lists instead.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { report, rootFromArguments, walk } from './source-files.mjs';

const fix = process.argv.includes('--fix');
if (fix) process.argv.splice(process.argv.indexOf('--fix'), 1);
const root = rootFromArguments();
const listFile = join(root, 'native', 'sources.gypi');

/** The name of the list that owns `path` (relative to native/), or undefined for a folder that no build knows. */
function listOf(path) {
  const folder = path.split('/')[0];
  if (folder === 'kernels') {
    // All of the scalar level is in `scalar_kernel_files`, which are compiled for size, but for products, where its time goes.
    if (/\/gemm_[a-z0-9]+_scalar\.cc$/.test(path)) return 'kernel_files';
    const isa = /_(scalar|avx2|avxvnni|avx512|vnni|neon|dotprod|i8mm)\.cc$/.exec(path)?.[1];
    return isa ? `${isa}_kernel_files` : 'kernel_files';
  }
  if (['reference', 'weights', 'program', 'ops', 'train', 'compress', 'tokenize'].includes(folder))
    return 'engine_files';
  if (['base', 'addon', 'addon_test'].includes(folder)) return `${folder}_files`;
  return undefined;
}

/** The text of sources.gypi as --fix writes it: one source per line, flag lists on one line. */
function print(variables) {
  const rows = Object.entries(variables).map(([name, items]) => {
    const separator = name.endsWith('_files') && items.length > 0 ? '\n      ' : '';
    const body = items.map((item) => JSON.stringify(item)).join(separator ? `,${separator}` : ', ');
    return `    "${name}": [${separator}${body}${separator ? '\n    ' : ''}]`;
  });
  return `{\n  "variables": {\n${rows.join(',\n')}\n  }\n}\n`;
}

const { variables } = JSON.parse(readFileSync(listFile, 'utf8'));
const lists = Object.keys(variables).filter((name) => name.endsWith('_files'));
const files = walk(root, 'native')
  .filter((path) => path.endsWith('.cc'))
  .map((path) => path.slice('native/'.length));
const problems = [];

if (fix) {
  for (const name of lists) variables[name] = files.filter((path) => listOf(path) === name);
  writeFileSync(listFile, print(variables));
}
for (const path of files) {
  const owners = lists.filter((name) => variables[name].includes(path));
  const wanted = listOf(path);
  if (wanted === undefined) problems.push(`native/${path}: no list takes files of this folder`);
  else if (owners.length !== 1 || owners[0] !== wanted) {
    problems.push(
      `native/${path}: must be in ${wanted} alone, is in ${owners.join(', ') || 'no list'}`,
    );
  }
}
for (const name of lists) {
  const seen = new Set();
  for (const path of variables[name]) {
    if (!files.includes(path))
      problems.push(`native/sources.gypi: ${name}: ${path} does not exist`);
    if (seen.has(path)) problems.push(`native/sources.gypi: ${name}: ${path} is listed twice`);
    seen.add(path);
  }
}

report('sources', problems);
