// Speed of training: real tokens a second and peak memory of Sinter and of PyTorch on SST-2 (MiniLM, batches of 32, AdamW, clipping,
// at most 128 tokens), each run in a process of its own, in turns, as many threads on both sides.
//
//   node bench/train/speed.mjs --peers-env VENV [SIDE...] [--rounds 3] [--steps 60] [--data DIR] [--work DIR] [--json] [--out FILE]
//
// Figures are medians. PyTorch's do not count its first three steps; Sinter's count all. `torch grouped` makes batches of texts of
// similar lengths, which saves PyTorch its padding; Sinter pads nothing, so its batches are always random. `ranking` trains the encoder
// with multiple negatives ranking over 512 pairs a step. `share` is the time that three forward passes take at the f32 peak of all
// CPUs together, divided by the time of the training.
import { fork } from 'node:child_process';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Encoder } from '../../dist/bundle/index.js';
import { choices, count } from '../support/arguments.mjs';
import { LEVELS } from '../support/levels.mjs';
import { describeMachine, idealSeconds, load, measurePeaks } from '../support/machine.mjs';
import { machineLines, percent, table, thousands, writeJson } from '../support/output.mjs';
import { median } from '../support/timing.mjs';
import { TASKS } from './recipes.mjs';
import { DATA, modelFolder, trainHere, trainThere, writeContent, writeRows } from './sides.mjs';

/** The f32 peak of this machine: as many processes as it has CPUs measure at once, for they may share a core. */
async function machinePeak() {
  const measure = () =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), ['--peak']);
      child.on('message', resolve);
      child.on('error', reject);
      child.on('exit', (code) => code === 0 || reject(new Error('the peak was not measured')));
    });
  const found = await Promise.all(Array.from({ length: availableParallelism() }, measure));
  return found.reduce((sum, peak) => sum + peak, 0);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'peers-env': { type: 'string' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '60' },
    data: { type: 'string', default: DATA },
    work: { type: 'string', default: join(tmpdir(), 'sinter-speed') },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
    // For a child process: sends the f32 peak of one thread.
    peak: { type: 'boolean', default: false },
  },
});
if (values.peak) {
  process.send(measurePeaks(LEVELS.at(-1))?.f32 ?? 0);
  process.exit(0);
}
const rounds = count('--rounds', values.rounds);
const maxSteps = count('--steps', values.steps);
const { work, out } = values;
const venv = values['peers-env'];

const rows = await writeRows('sst2', TASKS.sst2, work, values.data);
if (rows === null) throw new RangeError(`--data must have ${TASKS.sst2.files.join(' and ')}`);
const texts = rows.train.map(({ text }) => text);
const pairs = texts.map((anchor, i) => ({ anchor, positive: texts[(i + 1) % texts.length] }));
const ranking = writeContent('ranking', { kind: 'ranking', train: pairs }, work);
const model = await modelFolder(TASKS.sst2.model, work);
const { learningRate, maxTokens } = TASKS.sst2.recipe;
const options = { learningRate, maxTokens, maxSteps };
const common = { rows: rows.file, model, seed: 1, options };

const SIDES = {
  sinter: () => trainHere(common),
  lora: () => trainHere({ ...common, options: { ...options, method: 'lora', lora: { r: 8 } } }),
  ranking: () => {
    const large = { ...options, batchSize: 512, maxSteps: Math.max(3, Math.round(maxSteps / 16)) };
    return trainHere({ ...common, rows: ranking, options: large });
  },
  torch: () => trainThere(venv, common),
  'torch grouped': () => trainThere(venv, { ...common, group: true }),
};
const known = Object.keys(SIDES).filter((side) => venv !== undefined || !side.startsWith('torch'));
const sides = positionals.length === 0 ? known : choices('SIDE', positionals.join(','), known);

const loadBefore = load();
const runs = Object.fromEntries(sides.map((side) => [side, []]));
for (let round = 0; round < rounds; round++) {
  for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
    const found = await SIDES[side]();
    runs[side].push(found);
    console.error(`${side}: ${thousands(found.tokensPerSecond)} tokens/s`);
  }
}
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };

/** Share of the machine's peak that a token a second stands for. */
async function shareOfToken() {
  const peak = await machinePeak();
  if (peak === 0) return null;
  const encoder = await Encoder.load(model);
  const lengths = [];
  for (const text of texts.slice(0, 2000)) {
    lengths.push(Math.min(maxTokens, (await encoder.tokenize(text)).ids.length));
  }
  await encoder.dispose();
  const shape = { layers: 6, hidden: 384, intermediate: 1536 };
  const seconds = idealSeconds(shape, lengths, 'f32', { f32: peak }, 1);
  return { peak, perToken: (3 * seconds) / lengths.reduce((sum, length) => sum + length, 0) };
}

const share = await shareOfToken();
const results = sides.map((side) => {
  const of = (key) => median(runs[side].map((run) => run[key]));
  const speeds = runs[side].map(({ tokensPerSecond }) => tokensPerSecond);
  const tokensPerSecond = of('tokensPerSecond');
  return {
    side,
    tokensPerSecond,
    spread: (Math.max(...speeds) - Math.min(...speeds)) / tokensPerSecond,
    peakMB: of('peakMB'),
    share: share && tokensPerSecond * share.perToken,
  };
});
const result = { bench: 'train-speed', machine, rounds, maxSteps, f32Peak: share?.peak, results };
if (out !== undefined) writeJson(out, result);
if (values.json) console.log(JSON.stringify(result));
else {
  const own = results.find(({ side }) => side === 'sinter') ?? results[0];
  const lines = results.map((one) => [
    one.side,
    thousands(one.tokensPerSecond),
    (own.tokensPerSecond / one.tokensPerSecond).toFixed(2),
    percent(one.spread),
    `${one.peakMB.toFixed(0)} MB`,
    (own.peakMB / one.peakMB).toFixed(2),
    one.share === null || one.side === 'lora' ? '-' : percent(one.share),
  ]);
  console.log(machineLines(machine, 'best').join('\n'));
  if (share !== null) console.log(`f32 peak of all CPUs ${(share.peak / 1e9).toFixed(0)} GFLOP/s`);
  const heads = ['side', 'tokens/s', `${own.side} : side`, 'spread', 'memory', 'memory ratio'];
  console.log(table([[...heads, 'share'], ...lines]));
}
process.exit(0);
