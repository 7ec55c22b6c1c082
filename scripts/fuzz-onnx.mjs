// Damages ONNX files and imports them in a second process: every file must be imported or refused with a typed error, within
// two seconds of processor time and 256 MB, and nothing outside its folder may be opened.
// node scripts/fuzz-onnx.mjs [--seconds 10] [--cases N] [--seed 1] [--files DIR] [--json]; needs dist/ (node scripts/build.mjs --ts).
// Exit code 1, and the damaged file kept, when a case breaks a rule.
import { fork } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { mutate, randomly } from './onnx-mutations.mjs';

const { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } = fs;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Of processor time: others may be at work on the machine. */
const MAX_MS = 2000;
const MAX_RSS_MB = 256;
const CODES = ['CORRUPT_MODEL', 'UNSUPPORTED_MODEL'];
/** What outside.bin is full of: an importer that hands this out has left its folder. */
const SECRET = 0x5a;

if (process.send) await serve();
else await drive();

/** The second process: imports each path it is sent and answers with the outcome. */
async function serve() {
  const { readOnnxModel } = await import('../dist/formats/onnx/import/read-model.js');
  const { evaluate } = await import('../dist/formats/onnx/import/reference/evaluate.js');
  const entry = join(root, 'dist/formats/onnx/import/index.js');
  const importOnnx = existsSync(entry) ? (await import(entry)).importOnnx : undefined;
  const ids = (dims) => ({
    dtype: 'int64',
    dims: dims?.length === 2 ? [1, 4] : [4],
    data: new Float64Array(4).fill(1),
  });
  /** Reading, all numbers, a short evaluation, recovery; the first error that has no code, else the first. */
  const use = async (path) => {
    const errors = [];
    const attempt = async (step) => {
      try {
        return await step();
      } catch (error) {
        errors.push(error);
      }
    };
    const model = await attempt(() => readOnnxModel(path));
    if (model) {
      await attempt(() => {
        for (const item of model.graph.initializers.values()) {
          const { data } = item.read();
          const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
          if (bytes.length > 16 && bytes.every((byte) => byte === SECRET)) {
            throw new Error(`read outside the folder: ${item.name}`);
          }
        }
      });
      const feeds = new Map(model.graph.inputs.map(({ name, dims }) => [name, ids(dims)]));
      const limits = { maxMultiplyAdds: 1e7, maxElements: 2 ** 20 };
      await attempt(() => evaluate(model, feeds, limits));
      if (importOnnx) await attempt(() => importOnnx(path));
    }
    return errors.find((error) => !CODES.includes(error?.code)) ?? errors[0];
  };
  process.on('message', async ({ path }) => {
    const start = process.cpuUsage();
    const error = await use(path);
    const { user, system } = process.cpuUsage(start);
    const outcome = !error ? 'read' : CODES.includes(error.code) ? error.code : `${error.stack}`;
    const maxRssMb = Math.round(process.resourceUsage().maxRSS / 1024);
    process.send({ outcome, ms: (user + system) / 1000, maxRssMb, imports: !!importOnnx });
  });
}

async function drive() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '10' },
      cases: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: '1' },
      files: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const random = randomly(Number(values.seed));
  const files = originals(values.files);
  const { work, path } = stage();
  const report = {
    cases: 0,
    read: 0,
    CORRUPT_MODEL: 0,
    UNSUPPORTED_MODEL: 0,
    slowestMs: 0,
    maxRssMb: 0,
    imports: false,
    kinds: {},
    broken: [],
  };
  let child = start();
  const end = performance.now() + 1000 * Number(values.seconds);
  const cases = Number(values.cases);
  while (performance.now() < end && report.cases < cases && report.broken.length < 5) {
    const original = files[Math.floor(random() * files.length)];
    const other = files[Math.floor(random() * files.length)];
    const { bytes, kind } = mutate(original.bytes, other.bytes, random);
    fs.writeFileSync(path, bytes);
    const answer = await ask(child, path);
    const what = complaint(answer);
    if (what) report.broken.push({ file: original.name, kind, what, kept: keep(bytes) });
    if (what) child = restart(child);
    report.cases++;
    report.imports ||= answer.imports === true;
    report.kinds[kind] = (report.kinds[kind] ?? 0) + 1;
    if (answer.outcome in report) report[answer.outcome]++;
    report.slowestMs = Math.max(report.slowestMs, Math.round(answer.ms));
    report.maxRssMb = Math.max(report.maxRssMb, answer.maxRssMb ?? 0);
  }
  child.kill();
  rmSync(work, { recursive: true, force: true });
  console.log(values.json ? JSON.stringify(report) : report);
  if (report.broken.length > 0) process.exitCode = 1;

  function keep(bytes) {
    const kept = join(tmpdir(), `sinter-fuzz-${values.seed}-${report.cases}.onnx`);
    fs.writeFileSync(kept, bytes);
    return kept;
  }
}

/** What is wrong with an answer; null when nothing is. */
function complaint({ outcome, ms, maxRssMb }) {
  if (outcome !== 'read' && !CODES.includes(outcome)) return outcome;
  if (ms > MAX_MS) return `${Math.round(ms)} ms of processor time`;
  return maxRssMb > MAX_RSS_MB ? `${maxRssMb} MB of memory` : null;
}

function start() {
  return fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
}

function restart(child) {
  child.kill('SIGKILL');
  return start();
}

/** The child's answer; a crash or a hang is one too. */
function ask(child, path) {
  return new Promise((resolve) => {
    const finish = (answer) => {
      clearTimeout(timer);
      child.off('exit', died);
      child.off('message', finish);
      resolve(answer);
    };
    const died = (code, signal) => finish({ outcome: `process ended: ${code ?? signal}`, ms: 0 });
    const timer = setTimeout(() => finish({ outcome: 'hangs', ms: 5 * MAX_MS }), 5 * MAX_MS);
    child.once('exit', died);
    child.once('message', finish);
    child.send({ path });
  });
}

/** Folders that hold a model.onnx. */
function originals(given) {
  const shared = join(root, '../shared/fixtures/onnx/zoo');
  const from = given ?? (existsSync(shared) ? shared : join(root, 'test/fixtures/onnx/zoo'));
  return readdirSync(from)
    .map((name) => ({ name, file: join(from, name, 'model.onnx') }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => ({ name, bytes: readFileSync(file) }));
}

/** A folder with data to point at, a link that leads out of it, and something outside. */
function stage() {
  const work = mkdtempSync(join(tmpdir(), 'sinter-fuzz-'));
  const folder = join(work, 'model');
  mkdirSync(folder);
  const outside = Buffer.alloc(1 << 20, SECRET);
  fs.writeFileSync(join(work, 'outside.bin'), outside);
  fs.writeFileSync(join(work, 'w.bin'), outside);
  fs.symlinkSync(join(work, 'outside.bin'), join(folder, 'link.bin'));
  fs.writeFileSync(join(folder, 'w.bin'), Buffer.alloc(1 << 16));
  return { work, path: join(folder, 'model.onnx') };
}
