// Measures how long ONNX files take to load and how long they block the event loop: a first load, a load from the cache, a load
// of the folder that Sinter saved, and ONNX Runtime's session.
//
//   node bench/onnx-load/run.mjs FILE.onnx... [--rounds 5] [--before DIST/index.js] [--json] [--out FILE]
//
// Every load has a process of its own; the loads of a file take turns. `--before` is another build of the package.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { count } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table, writeJson } from '../support/output.mjs';
import { median } from '../support/timing.mjs';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));
const dist = new URL('../../dist/bundle/index.js', import.meta.url).href;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    before: { type: 'string' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
if (positionals.length === 0) throw new RangeError('bench: FILE.onnx must be given, got none');
const rounds = count('--rounds', values.rounds);
const work = mkdtempSync(join(tmpdir(), 'sinter-onnx-load-'));

function run(what, file, module, cache) {
  const env = { ...process.env, SINTER_CACHE: cache };
  return JSON.parse(
    execFileSync(process.execPath, [child, what, file, module], { env, encoding: 'utf8' }),
  );
}

/** Saves the model as a folder of Sinter's own, and returns its path. */
async function saved(file, name) {
  const { Encoder } = await import(dist);
  const folder = join(work, name);
  const model = await Encoder.load(file, { cache: false, pooling: 'mean', normalize: true });
  await model.save(folder);
  await model.dispose();
  return folder;
}

async function measureFile(file, i) {
  const folder = await saved(file, `folder-${i}`);
  const cache = join(work, `cache-${i}`);
  run('sinter', file, dist, cache);
  const candidates = [
    ...(values.before === undefined
      ? []
      : [['before', () => run('sinter', file, values.before, 'off')]]),
    ['first load', () => run('sinter', file, dist, 'off')],
    ['from the cache', () => run('sinter', file, dist, cache)],
    ['saved folder', () => run('sinter', folder, dist, 'off')],
    ['onnxruntime', () => run('onnxruntime', file, dist, 'off')],
  ];
  const found = candidates.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [c, [, once]] of candidates.entries()) found[c].push(once());
  }
  return candidates.map(([name], c) => {
    const middle = (key) => median(found[c].map((one) => one[key]));
    const worst = Math.max(...found[c].map(({ stallMs }) => stallMs));
    return {
      file: basename(dirname(file)),
      name,
      ms: middle('ms'),
      cpuMs: middle('cpuMs'),
      stallMs: middle('stallMs'),
      worstStallMs: worst,
      peakMB: middle('peakMB'),
    };
  });
}

try {
  const machine = describeMachine();
  const loadBefore = load();
  const results = [];
  for (const [i, file] of positionals.entries()) results.push(...(await measureFile(file, i)));
  const content = {
    machine: { ...machine, loadBefore, loadAfter: load() },
    options: { rounds },
    results,
  };
  if (values.out !== undefined) writeJson(values.out, content);
  if (values.json) console.log(JSON.stringify(content, null, 1));
  else {
    const rows = results.map((one) => [
      one.file,
      one.name,
      one.ms.toFixed(0),
      one.cpuMs.toFixed(0),
      one.stallMs.toFixed(1),
      one.worstStallMs.toFixed(1),
      one.peakMB.toFixed(0),
    ]);
    const head = ['model', 'load', 'ms', 'CPU ms', 'loop ms', 'worst', 'peak MB'];
    console.log(machineLines(content.machine, 'best').join('\n'));
    console.log(table([head, ...rows]));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
