// Imports the ONNX file it is given and prints one JSON line: the outcome, milliseconds of processor time, peak memory and files opened.
// Runs with a small heap, apart from the test: what it needs is what an import needs.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const opened = [];
const watch = (owner, name) => {
  const original = owner[name];
  owner[name] = function (path, ...rest) {
    opened.push(String(path));
    return original.call(this, path, ...rest);
  };
};
const { importOnnx } = await import('../../../dist/formats/onnx/import/index.js');
for (const name of ['openSync', 'open', 'readFileSync', 'readFile', 'createReadStream']) {
  watch(fs, name);
}
for (const name of ['open', 'readFile']) watch(fs.promises, name);
syncBuiltinESMExports();

/** Linux hands maxRSS of the process that started this one on to it, so the peak is read elsewhere there. */
function peakMb() {
  const status = process.platform === 'linux' ? fs.readFileSync('/proc/self/status', 'latin1') : '';
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return Number(peak ?? process.resourceUsage().maxRSS) / 1024;
}

const start = process.cpuUsage();
let outcome = { code: 'imported' };
try {
  await importOnnx(process.argv[2]);
} catch (error) {
  const { code = 'none', message, details = {} } = error;
  outcome = { code, message, details, stack: code === 'none' ? error.stack : '' };
}
const { user, system } = process.cpuUsage(start);
const ms = (user + system) / 1000;
// Files are listed before the peak is read from one.
const result = JSON.stringify({ ...outcome, ms, opened: [...opened], maxRssMb: peakMb() });
process.stdout.write(`${result}\n`);
