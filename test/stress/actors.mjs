// Who does what in a stress run. Each actor goes on until `world.over()`; all of its choices come from its own random
// numbers; every call goes through the tally.
import { Worker } from 'node:worker_threads';
import { loadEncoder, rowsAre, TEXTS, vectorIs } from './models.mjs';
import { sleep } from './tally.mjs';

const PRIORITIES = ['interactive', 'bulk'];

/** A signal that aborts soon, or never. */
function maybeAbort(random, share = 0.3) {
  if (!random.chance(share)) return {};
  const controller = new AbortController();
  setTimeout(() => controller.abort(), random.below(25));
  return { signal: controller.signal };
}

const indices = (random, most) =>
  Array.from({ length: 1 + random.below(most) }, () => random.below(TEXTS.length));

/** A client with one request at a time to the shared batcher. */
async function client({ tally, batcher, known, over }, random) {
  while (!over()) {
    const text = random.below(TEXTS.length);
    const options = { priority: random.pick(PRIORITIES), ...maybeAbort(random) };
    const run = batcher.run(TEXTS[text], options);
    await tally.watch('client', run, vectorIs(known, text), ['CANCELLED', 'OVERLOADED']);
    if (random.chance(0.2)) await sleep(random.below(5));
  }
}

/** Bursts into a queue that is too small for them. */
async function crowd({ tally, encoder, known, over }, random) {
  while (!over()) {
    const batcher = encoder.batch({ maxQueue: 20, maxBatchTokens: 1 + random.below(300) });
    const runs = Array.from({ length: 60 }, () => {
      const text = random.below(TEXTS.length);
      const run = batcher.run(TEXTS[text], { priority: random.pick(PRIORITIES) });
      return tally.watch('crowd', run, vectorIs(known, text), ['OVERLOADED', 'DISPOSED']);
    });
    if (random.chance(0.5)) await sleep(random.below(4));
    if (random.chance(0.5)) await batcher.drain();
    await batcher.dispose();
    await Promise.all(runs);
    const { queued, running } = batcher.metrics();
    if (queued + running > 0) tally.fault(`crowd: ${queued} queued, ${running} running at the end`);
    await sleep(random.below(30));
  }
}

/** Direct calls of all sizes, with and without an abort. */
async function embedder({ tally, models, over }, random) {
  while (!over()) {
    const { encoder, known } = random.pick(models);
    const picked = indices(random, random.pick([1, 3, 30, 600]));
    const options = { priority: random.pick(PRIORITIES), ...maybeAbort(random) };
    const call = encoder.embed(
      picked.map((i) => TEXTS[i]),
      options,
    );
    await tally.watch('embed', call, rowsAre(known, picked), ['CANCELLED']);
  }
}

/** Models that are disposed while their calls run. */
async function disposer({ tally, known, over }, random) {
  while (!over()) {
    const encoder = await loadEncoder();
    const batcher = encoder.batch();
    const picked = indices(random, 300);
    const texts = picked.map((i) => TEXTS[i]);
    const calls = [
      tally.watch('disposed embed', encoder.embed(texts), rowsAre(known, picked), ['DISPOSED']),
      ...picked.slice(0, 20).map((i) => {
        const run = batcher.run(TEXTS[i], { priority: random.pick(PRIORITIES) });
        return tally.watch('disposed run', run, vectorIs(known, i), ['DISPOSED']);
      }),
    ];
    await sleep(random.below(20));
    await Promise.all([encoder.dispose(), ...calls]);
    await sleep(random.below(50));
  }
}

/** Worker threads that end by themselves or are terminated in the middle. */
async function employer({ tally, known, over }, random) {
  while (!over()) {
    const terminate = random.chance(0.6);
    const worker = new Worker(new URL('worker.mjs', import.meta.url), {
      workerData: {
        seed: random.below(2 ** 32),
        known,
        rounds: 1 + random.below(6),
        leave: random.chance(0.3),
      },
    });
    worker.on('message', ({ fault }) => {
      if (fault) tally.fault(`worker: ${fault}`);
    });
    worker.on('error', (error) => tally.fault(`worker: ${error?.stack ?? error}`));
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    // Within loading, within a call, or after it.
    if (terminate) await Promise.race([ended, sleep(random.below(400))]);
    await tally.watch('worker', terminate ? worker.terminate() : ended, () => null);
  }
}

/** Training runs that are aborted or end, beside predictions of the same model. */
async function trainer({ tally, encoder, over }, random) {
  const rows = Array.from({ length: 24 }, (_, i) => ({
    text: String(TEXTS[i % TEXTS.length]),
    label: i % 2 === 0 ? 'us' : 'them',
  }));
  while (!over()) {
    const model = await encoder.classifier({ labels: ['us', 'them'] });
    const [before] = await model.predict(['the people']);
    const training = model.train(rows, { epochs: 2, ...maybeAbort(random, 0.5) });
    const old = ([now]) =>
      now.score === before.score ? null : 'the old weights gave another score';
    const calls = [tally.watch('train', training, () => null, ['CANCELLED'])];
    // Begun before the training can have ended, so with the old weights.
    calls.push(tally.watch('predict', model.predict(['the people']), old));
    await Promise.all(calls);
    await model.dispose();
    await sleep(random.below(100));
  }
}

/** All actors of a run, as functions to start. */
export function cast(world, random) {
  const many = (count, actor) => Array.from({ length: count }, () => actor);
  const actors = [
    ...many(6, client),
    ...many(3, embedder),
    crowd,
    disposer,
    employer,
    employer,
    trainer,
  ];
  return actors.map((actor) => {
    const own = random.split();
    return () => actor(world, own);
  });
}
