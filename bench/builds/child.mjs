// One action of one build of the package in a process of its own. argv: action, module of the package. Prints
// { ms, cpuMs, rssMB, tokens } as JSON: time of the action, memory of the process while it runs.
import { readFileSync } from 'node:fs';
import { readWorkload } from '../support/arguments.mjs';

const [, , action, build] = process.argv;
const TRAINED_ROWS = 320;

/** The middle of several runs by CPU time. The first run warms up and does not count. */
async function timed(run, times = 3) {
  await run();
  const runs = [];
  for (let i = 0; i < times; i++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await run();
    const { user, system } = process.cpuUsage(cpu);
    runs.push({ ms: performance.now() - start, cpuMs: (user + system) / 1000 });
  }
  const sorted = runs.sort((a, b) => a.cpuMs - b.cpuMs);
  return sorted[sorted.length >> 1];
}

function rowsOfBanking() {
  const file = new URL('../../data/banking77/train.csv', import.meta.url);
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .slice(1, 1 + TRAINED_ROWS);
  return lines.map((line) => {
    const comma = line.lastIndexOf(',');
    return { text: line.slice(0, comma).replaceAll('"', ''), label: line.slice(comma + 1).trim() };
  });
}

const texts = () => (readWorkload('mixed_en') ?? readWorkload('mixed_open_en')).texts.slice(0, 600);
/** 16 tokens with the two special ones. */
const SHORT = 'the customer asked why a card was not sent to the new home yet';

const ACTIONS = {
  'first vector': async () => {
    const start = performance.now();
    const cpu = process.cpuUsage();
    const { Encoder } = await import(build);
    const model = await Encoder.load();
    await model.embed(['one short text']);
    const { user, system } = process.cpuUsage(cpu);
    return { ms: performance.now() - start, cpuMs: (user + system) / 1000 };
  },
  'encode f32': async () => {
    const { Encoder } = await import(build);
    const model = await Encoder.load();
    const all = texts();
    return timed(() => model.embed(all));
  },
  'encode int8': async () => {
    const { Encoder } = await import(build);
    const model = await (await Encoder.load()).quantize();
    const all = texts();
    return timed(() => model.embed(all));
  },
  'one text': async () => {
    const { Encoder } = await import(build);
    const model = await Encoder.load();
    const calls = 200;
    const { ms, cpuMs } = await timed(async () => {
      for (let i = 0; i < calls; i++) await model.embed([SHORT]);
    });
    return { ms: ms / calls, cpuMs: cpuMs / calls };
  },
  train: async () => {
    const { Encoder } = await import(build);
    const rows = rowsOfBanking();
    const labels = [...new Set(rows.map(({ label }) => label))];
    const train = async () => {
      const model = await (await Encoder.load()).classifier({ labels, seed: 1 });
      await model.train(rows, { epochs: 1, batchSize: 32, learningRate: 1e-4, seed: 7 });
    };
    return timed(train, 1);
  },
};

if (action === undefined) console.log(JSON.stringify(Object.keys(ACTIONS)));
else {
  const found = await ACTIONS[action]();
  const rssMB = process.resourceUsage().maxRSS / 1024;
  console.log(JSON.stringify({ ...found, rssMB }));
  process.exit(0);
}
