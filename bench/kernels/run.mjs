// Times every row of every kernel table on one thread, beside the arithmetic peaks measured in the same process.
//
//   node bench/kernels/run.mjs [--family gemmF32] [--row avx2] [--seconds 0.2] [--json FILE]
//
// The timed loops are native. The figure is the best of many samples (the median is in the JSON): on a shared machine only the
// best shows the speed of the kernel. Build first: npm run build:test.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LEVELS } from '../support/levels.mjs';
import { shapes } from './shapes.mjs';

function readOptions() {
  const { values } = parseArgs({
    options: {
      family: { type: 'string' },
      row: { type: 'string', default: '' },
      seconds: { type: 'string', default: '0.2' },
      json: { type: 'string' },
    },
  });
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new RangeError(`--seconds must be above 0, got ${values.seconds}`);
  if (values.family !== undefined && !(values.family in shapes)) {
    const known = Object.keys(shapes).join(', ');
    throw new RangeError(`--family must be one of ${known}, got ${values.family}`);
  }
  return { ...values, seconds };
}

function loadAddon() {
  const built = fileURLToPath(new URL('../../build/Release/sinter_test.node', import.meta.url));
  return createRequire(import.meta.url)(process.env.SINTER_NATIVE_TEST ?? built);
}

/** The peak that applies to a row: for an int8 row the int8 dot product at its level, for all others f32 FMA. */
function peakOf(peaks, family, isa) {
  const kind = family === 'gemmS8' ? 's8' : 'f32';
  const level = LEVELS.indexOf(isa);
  const usable = peaks.filter((p) => p.kind === kind && LEVELS.indexOf(p.isa) <= level);
  return usable.at(-1)?.operationsPerSecond;
}

function* measure(addon, peaks, options) {
  for (const [family, cases] of Object.entries(shapes)) {
    if (options.family !== undefined && family !== options.family) continue;
    for (const row of addon[family].rows()) {
      if (!row.name.includes(options.row)) continue;
      for (const [label, shape] of cases) {
        if (!row.runnable) {
          yield {
            family,
            row: row.name,
            isa: row.isa,
            label,
            shape,
            skipped: `this CPU lacks ${row.isa}`,
          };
          continue;
        }
        const { bestNs, medianNs, flops, bytes } = addon[family].bench(
          row.name,
          shape,
          options.seconds,
        );
        const peak = peakOf(peaks, family, row.isa);
        const share = flops > 0 && peak !== undefined ? (flops / bestNs) * (1e9 / peak) : undefined;
        yield {
          family,
          row: row.name,
          isa: row.isa,
          label,
          shape,
          bestNs,
          medianNs,
          flops,
          bytes,
          share,
        };
      }
    }
  }
}

function line(result) {
  const name = `${result.row.padEnd(20)} ${result.label.padEnd(26)}`;
  if (result.skipped !== undefined) return `${name} skipped: ${result.skipped}`;
  const time = `${(result.bestNs / 1000).toFixed(1).padStart(10)} us`;
  const rate =
    result.flops > 0
      ? `${(result.flops / result.bestNs).toFixed(1).padStart(8)} GOP/s`
      : `${(result.bytes / result.bestNs).toFixed(1).padStart(8)} GB/s `;
  const share =
    result.share === undefined ? '' : `${(100 * result.share).toFixed(0).padStart(5)} % of peak`;
  return `${name} ${time} ${rate} ${share}`.trimEnd();
}

/** Written to a temporary file first, so that a crash leaves no half-written file. */
function writeJson(file, content) {
  mkdirSync(dirname(resolve(file)), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(content, null, 1)}\n`);
  renameSync(temporary, file);
}

function main() {
  const options = readOptions();
  const addon = loadAddon();
  const cpu = cpus()[0]?.model ?? 'unknown';
  const peaks = addon.peaks();
  console.log(`${cpu}, one thread, levels: ${addon.isa().host.join(', ')}`);
  for (const peak of peaks) {
    console.log(
      `peak ${peak.kind} ${peak.isa}: ${(peak.operationsPerSecond / 1e9).toFixed(1)} GOP/s`,
    );
  }
  const results = [];
  for (const result of measure(addon, peaks, options)) {
    results.push(result);
    console.log(line(result));
  }
  if (options.json === undefined) return;
  const date = new Date().toISOString().slice(0, 10);
  const levels = addon.isa().host;
  writeJson(options.json, {
    date,
    cpu,
    levels,
    node: process.version,
    seconds: options.seconds,
    peaks,
    results,
  });
}

main();
