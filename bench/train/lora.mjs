// Low-rank adapters beside full fine-tuning: tokens and CPU time of the steps, and the largest memory of the process.
//
//   node bench/train/lora.mjs [--rounds 5] [--steps 60] [--rank 8] [--data FILE of SST-2]
//
// Each run is a process of its own; the methods take turns, and medians are compared. Rows are those of SST-2 in ../shared/data, in batches
// of 32. CPU time counts all threads and changes less than seconds where other programs run.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Encoder } from '../../dist/bundle/index.js';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';

const BATCH = 32;
/** Steps that are not counted: the first ones touch all memory. */
const WARM = 5;
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string', default: '60' },
    rank: { type: 'string', default: '8' },
    data: {
      type: 'string',
      default: fileURLToPath(
        new URL('../../../shared/data/sst2/stsa.binary.train', import.meta.url),
      ),
    },
    method: { type: 'string' },
  },
});
const steps = Number(values.steps);
if (values.method === undefined) await compare();
else console.log(JSON.stringify(await measure(values.method)));
process.exit(0);

/** Figures of one training in this process. */
async function measure(method) {
  const lines = readFileSync(values.data, 'utf8').split('\n');
  const rows = lines.slice(0, BATCH * steps).map((line) => {
    return { label: line[0] === '1' ? 'good' : 'bad', text: line.slice(2) };
  });
  const encoder = await Encoder.load();
  const model = await encoder.classifier({ labels: ['bad', 'good'], seed: 1 });
  await encoder.dispose();
  const idle = process.memoryUsage.rss();
  const all = await Promise.all(rows.map(({ text }) => model.tokenize(text)));
  const tokens = all.reduce((sum, { ids }) => sum + ids.length, 0) * (1 - WARM / steps);
  let from;
  let until;
  const onStep = ({ step }) => {
    if (step === WARM) from = { time: performance.now(), cpu: process.cpuUsage() };
    until = { time: performance.now(), cpu: process.cpuUsage(from?.cpu) };
  };
  const lora = { r: Number(values.rank) };
  const own = method === 'lora' ? { lora } : {};
  await model.train(rows, { batchSize: BATCH, epochs: 1, seed: 1, method, onStep, ...own });
  const seconds = (until.time - from.time) / 1000;
  const { user, system } = until.cpu;
  const peak = process.resourceUsage().maxRSS / 1024;
  return { seconds, tokens, cpu: (user + system) / 1e6, peak, idle: idle / 2 ** 20 };
}

async function compare() {
  const loadBefore = load();
  const runs = { full: [], lora: [] };
  const own = fileURLToPath(import.meta.url);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const method of Object.keys(runs)) {
      const args = ['--steps', values.steps, '--rank', values.rank, '--data', values.data];
      const all = [own, '--method', method, ...args];
      const { stdout } = await promisify(execFile)(process.execPath, all);
      runs[method].push(JSON.parse(stdout));
    }
  }
  const median = (method, of) => {
    const sorted = runs[method].map(of).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)];
  };
  const figures = {
    'tokens/s': (run) => run.tokens / run.seconds,
    'CPU us/token': (run) => (1e6 * run.cpu) / run.tokens,
    'peak MB': (run) => run.peak,
    'MB before training': (run) => run.idle,
    'peak MB of the training': (run) => run.peak - run.idle,
  };
  const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
  console.log(machineLines(machine, 'best').join('\n'));
  const lines = Object.entries(figures).map(([name, of]) => {
    const [full, lora] = [median('full', of), median('lora', of)];
    return [name, full.toFixed(1), lora.toFixed(1), (lora / full).toFixed(3)];
  });
  console.log(table([['', 'full', `lora, r ${values.rank}`, 'lora / full'], ...lines]));
}
