// One port served in three ways: by one process with all lanes, by several processes that share them (`sinter serve --processes`), and
// by worker threads that share them, each of which needs a port of its own. For each: texts a second over loopback, times, memory, and
// processor time a text, which tells most where other work shares the machine.
//
//   node bench/serve/processes-mode.mjs [--threads 2] [--processes 2] [--texts 1,16] [--connections 32] [--rounds 3] [--seconds 4]
//     [--precision int8] [--json] [--out FILE]
//
// Two clients in processes of their own share the cores with the server. Build first: npm run build.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { counts, readWorkload } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { countOf, readOptions } from '../support/options.mjs';
import { machineLines, table, thousands, writeJson } from '../support/output.mjs';
import { answerOf } from '../support/processes.mjs';
import { drive } from './processes.mjs';

const { values, common } = readOptions({
  threads: { type: 'string', default: String(availableParallelism()) },
  precision: { type: 'string', default: 'int8' },
  processes: { type: 'string' },
  texts: { type: 'string', default: '1,16' },
  connections: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
});
const threads = countOf(values, 'threads');
const processes = countOf(values, 'processes', 2);
const connections = countOf(values, 'connections', 32);
const seconds = countOf(values, 'seconds', 4);
const { texts } = readWorkload('short_en');

const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const MAIN = file('../../dist/bundle/main.js');

/** Starts a server: its process and its ports, when it is ready. */
async function start(args) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const piece of child.stdout.setEncoding('utf8')) {
    text += piece;
    if (text.includes('\n')) break;
  }
  const ports = [...text.matchAll(/:(\d+)/g)].map(([, port]) => Number(port));
  return { pid: child.pid, ports, stop: () => [child.kill('SIGTERM'), once(child, 'close')][1] };
}

const serve = (model, ...more) => [MAIN, 'serve', `m=${model}`, '--port', '0', '--quiet', ...more];
const WAYS = {
  'one process': (model) => serve(model, '--threads', `${threads}`),
  [`${processes} processes`]: (model) =>
    serve(model, '--threads', `${threads}`, '--processes', `${processes}`),
  [`${processes} worker threads`]: (model) => [
    file('thread-servers.mjs'),
    JSON.stringify({ model, threads, servers: processes }),
  ],
};

/** A process and its children. */
function familyOf(pid) {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' '))];
}

/** Milliseconds of processor time that they have used, in steps of 10. */
function cpuMs(pid) {
  const times = familyOf(pid).map((one) => {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return 10 * (Number(fields[11]) + Number(fields[12]));
  });
  return times.reduce((sum, ms) => sum + ms, 0);
}

/** Their bytes: { rss, pss }. What they share counts in rss for each, in pss once. */
function memoryOf(pid) {
  const sums = { rss: 0, pss: 0 };
  for (const one of familyOf(pid)) {
    const text = readFileSync(`/proc/${one}/smaps_rollup`, 'utf8');
    sums.rss += 1024 * Number(/^Rss: +(\d+)/m.exec(text)[1]);
    sums.pss += 1024 * Number(/^Pss: +(\d+)/m.exec(text)[1]);
  }
  return sums;
}

function bodiesOf(size) {
  const few = texts.slice(0, 256);
  return Array.from({ length: Math.ceil(few.length / size) }, (_, i) => ({
    inputs: Array.from({ length: size }, (_, j) => few[(i * size + j) % few.length]),
  }));
}

/** Two clients, each with half of the connections. */
async function measure({ pid, ports }, size) {
  const request = { path: '/embed', bodies: bodiesOf(size), seconds };
  const before = cpuMs(pid);
  const half = { ...request, connections: Math.ceil(connections / 2) };
  const seen = await Promise.all([0, 1].map((i) => drive(ports[i % ports.length], half)));
  const good = seen.reduce((sum, one) => sum + (one.statuses[200] ?? 0), 0);
  return {
    cpuMs: (cpuMs(pid) - before) / Math.max(1, size * good),
    textsPerSecond: (size * good) / seen[0].seconds,
    p50: Math.max(...seen.map(({ latencies }) => latencies.p50)),
    p99: Math.max(...seen.map(({ latencies }) => latencies.p99)),
    refused: seen.reduce((sum, one) => sum + one.answered, 0) - good,
  };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

const machine = { ...describeMachine(common), loadBefore: load() };
const prepare = new URL('../service/prepare.mjs', import.meta.url);
const models = await answerOf(prepare, { ...common, workload: 'short_en', quick: true });
const model = common.precisions[0] === 'int8' ? models.int8 : file('../../models/all-MiniLM-L6-v2');
const found = new Map();
for (let round = 0; round < countOf(values, 'rounds', 3); round++) {
  for (const [way, args] of Object.entries(WAYS)) {
    const server = await start(args(model));
    for (const size of counts('--texts', values.texts)) {
      const key = JSON.stringify([way, size]);
      const seen = found.get(key) ?? [];
      found.set(key, [...seen, { ...(await measure(server, size)), ...memoryOf(server.pid) }]);
    }
    await server.stop();
  }
}
rmSync(models.folder, { recursive: true, force: true });
machine.loadAfter = load();
const rows = [...found].map(([key, rounds]) => {
  const [way, size] = JSON.parse(key);
  const of = (name) => median(rounds.map((one) => one[name]));
  const names = ['textsPerSecond', 'cpuMs', 'p50', 'p99', 'refused', 'rss', 'pss'];
  return { way, texts: size, ...Object.fromEntries(names.map((name) => [name, of(name)])), rounds };
});
if (common.out !== undefined) writeJson(common.out, { machine, isa: models.isa, rows });
if (common.json) console.log(JSON.stringify({ machine, isa: models.isa, rows }));
else {
  console.log(machineLines(machine, models.isa).join('\n'));
  const mega = (bytes) => `${Math.round(bytes / 1e6)} MB`;
  const cells = rows.map((one) => [
    ...[one.way, one.texts, thousands(one.textsPerSecond), `${one.cpuMs.toFixed(2)} ms`],
    `${one.p50.toFixed(1)} ms`,
    ...[`${one.p99.toFixed(1)} ms`, mega(one.rss), mega(one.pss)],
  ]);
  console.log(
    table([['server', 'texts', 'texts/s', 'CPU a text', 'p50', 'p99', 'RSS', 'PSS'], ...cells]),
  );
}
