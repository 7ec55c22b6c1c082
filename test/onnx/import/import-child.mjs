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
const maxRssMb = process.resourceUsage().maxRSS / 1024;
process.stdout.write(`${JSON.stringify({ ...outcome, ms, maxRssMb, opened })}\n`);
