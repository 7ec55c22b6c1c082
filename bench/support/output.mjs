// Tables for people and JSON files for machines.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';
import { ISA_NOTE } from './processes.mjs';

/** The first lines of a printed result: machine, kernels, versions, load. */
export function machineLines(machine, isa) {
  const versions = Object.entries(machine.versions).flatMap(([name, version]) =>
    version === null ? [] : [`${name} ${version}`],
  );
  return [
    `${machine.cpu}, ${machine.cpus} CPUs, kernels ${isa}, node ${machine.node}, commit ${machine.commit}`,
    versions.join(', '),
    ...(machine.forcedIsa === undefined ? [] : [`kernels ${machine.forcedIsa}: ${ISA_NOTE}`]),
    `load before ${machine.loadBefore}, after ${machine.loadAfter}`,
  ];
}

/** Rows of cells as lines; the first row is the head, numbers stand to the right. */
export function table(rows) {
  const cells = rows.map((row) => row.map(String));
  const widths = cells[0].map((_, c) => Math.max(...cells.map((row) => row[c].length)));
  const isNumber = (text) => /^[\d.,]+( ?(x|%|us|ms|MB)| \(.*\))?$/.test(text);
  return cells
    .map((row) =>
      row
        .map((text, c) => (isNumber(text) ? text.padStart(widths[c]) : text.padEnd(widths[c])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function thousands(value) {
  return Math.round(value).toLocaleString('en-US');
}

export function percent(share) {
  return `${(100 * share).toFixed(0)} %`;
}

/** Absolute paths are shortened to their last part, because they mean nothing on another machine. */
const shortPath = (_, value) =>
  typeof value === 'string' && isAbsolute(value) ? basename(value) : value;

/** Written to a temporary file first, so that a crash leaves no half-written file. */
export function writeJson(file, content) {
  mkdirSync(dirname(resolve(file)), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(content, shortPath)}\n`);
  renameSync(temporary, file);
}

/** { mean, lowest } of the cosines between the rows of two [rows, width] arrays. */
export function cosines(a, b, width) {
  let total = 0;
  let lowest = 1;
  const rows = a.length / width;
  for (let r = 0; r < rows; r++) {
    let dot = 0;
    let aa = 0;
    let bb = 0;
    for (let k = r * width; k < (r + 1) * width; k++) {
      dot += a[k] * b[k];
      aa += a[k] * a[k];
      bb += b[k] * b[k];
    }
    const cosine = dot / Math.sqrt(aa * bb);
    total += cosine;
    // A NaN must not pass as a good result.
    if (!(cosine >= lowest)) lowest = cosine;
  }
  return { mean: total / rows, lowest };
}
