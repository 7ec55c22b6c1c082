// Urgent calls beside bulk calls and training steps. `argv[2]` picks the scene, `argv[3]` the lanes; prints its finding.
import { batch, border, call, HIDDEN, program, SETTINGS, sanitized, step } from './model.mjs';

/**
 * The amount of bulk work, in texts, calls or steps: a quarter under a sanitizer, where this quarter takes longer than the
 * whole elsewhere.
 */
const bulkOf = (count) => (sanitized ? Math.ceil(count / 4) : count);

/** Starts an urgent call over `texts` texts: { jobId, data, done }. */
function urgent(on, texts, length) {
  const data = new Float32Array(texts * HIDDEN);
  const jobId = border.nextJobId();
  const options = { jobId, tokenBudget: 256, urgent: true };
  return { jobId, data, done: on.run(batch(texts, length), [{ name: 'logits', data }], options) };
}

const same = (a, b) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
const settle = (done) =>
  done.then(
    () => 'done',
    ({ code }) => code,
  );
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Runs urgent calls of mixed sizes one after the other until `busy` is settled. Returns their number and the number of wrong
 * results.
 */
async function passWhile(busy, made, calm) {
  let over = false;
  busy.finally(() => {
    over = true;
  });
  await sleep(5);
  let passed = 0;
  let wrong = 0;
  for (let i = 0; !over; i++) {
    const kind = i % calm.length;
    const { texts, length, data: right } = calm[kind];
    const { data, done } = urgent(made, texts, length);
    await done;
    if (!same(data, right)) wrong++;
    if (!over) passed++;
  }
  return { passed, wrong };
}

/** Results of urgent calls while nothing else runs. */
async function calmResults(made) {
  const calm = [];
  for (const [texts, length] of [
    [1, 7],
    [1, 128],
    [5, 33],
    [24, 64],
  ]) {
    const { data, done } = urgent(made, texts, length);
    await done;
    calm.push({ texts, length, data });
  }
  return calm;
}

const scenes = {
  /** Many texts, that lanes run by themselves. */
  async spread() {
    const made = await program();
    const calm = await calmResults(made);
    const alone = call(made, bulkOf(400));
    await alone.done;
    const bulk = call(made, bulkOf(400));
    const found = await passWhile(bulk.done, made, calm);
    return { ...found, bulk: same(bulk.data, alone.data) };
  },

  /** Micro-batches that all lanes share. */
  async shared() {
    const made = await program();
    const calm = await calmResults(made);
    const alone = call(made, 3);
    await alone.done;
    const calls = Array.from({ length: bulkOf(60) }, () => call(made, 3));
    const found = await passWhile(Promise.all(calls.map(({ done }) => done)), made, calm);
    return { ...found, bulk: calls.every(({ data }) => same(data, alone.data)) };
  },

  /** Steps of another program. */
  async training() {
    const made = await program();
    const calm = await calmResults(made);
    const weights = [];
    const found = [];
    for (const pass of [false, true]) {
      const trained = await program(true);
      const trainer = new border.Trainer(trained, SETTINGS);
      const steps = Promise.all(Array.from({ length: bulkOf(6) }, () => step(trainer, 16).done));
      if (pass) found.push(await passWhile(steps, made, calm));
      await steps;
      weights.push(trained.store.readWeight('q1'));
    }
    return { ...found[0], bulk: same(weights[0], weights[1]) };
  },

  /** A run of the program that is trained sees the steps before it, urgent or not. */
  async order() {
    const trained = await program(true);
    const before = call(trained, 1, 9);
    await before.done;
    const trainer = new border.Trainer(trained, SETTINGS);
    const stepped = step(trainer, 16);
    const after = urgent(trained, 1, 9);
    await Promise.all([stepped.done, after.done]);
    const again = urgent(trained, 1, 9);
    await again.done;
    return [same(before.data, after.data), same(after.data, again.data)];
  },

  /** A model that is loaded does not wait for the texts of another one, and is whole. */
  async loading() {
    const made = await program();
    const right = call(made, 1, 9);
    await right.done;
    let over = false;
    const bulk = call(made, bulkOf(400)).done.finally(() => {
      over = true;
    });
    await sleep(5);
    const loaded = await program();
    const early = !over;
    await bulk;
    const { data, done } = call(loaded, 1, 9);
    await done;
    return [early, same(data, right.data)];
  },

  /** Bulk work goes on under more urgent work than there is time for. */
  async flood() {
    const made = await program();
    let over = false;
    const bulk = call(made, 60).done.then(() => {
      over = true;
    });
    let calls = 0;
    const flood = Array.from({ length: 8 }, async () => {
      while (!over) {
        await urgent(made, 4, 128).done;
        calls++;
      }
    });
    await Promise.all([bulk, ...flood]);
    return calls > 20;
  },

  /** Cancels jobs of both kinds: waiting ones end at once, running ones soon, and no other job is touched. */
  async cancel() {
    const made = await program();
    const calm = await calmResults(made);
    const bulk = call(made, bulkOf(200));
    const alone = call(made, bulkOf(200));
    await sleep(5);
    const calls = Array.from({ length: 40 }, (_, i) => {
      const { texts, length } = calm[i % calm.length];
      return { ...urgent(made, texts, length), kind: i % calm.length };
    });
    const cancelled = calls.filter((_, i) => i % 3 === 1);
    setTimeout(() => {
      for (const { jobId } of cancelled) border.cancel(jobId);
    }, 1);
    const ends = await Promise.all(calls.map(({ done }) => settle(done)));
    await Promise.all([bulk.done, alone.done]);
    const kept = calls.filter((one) => !cancelled.includes(one));
    return {
      ends: [...new Set(ends)].sort(),
      kept: kept.every((one) => ends[calls.indexOf(one)] === 'done'),
      right: kept.every(({ data, kind }) => same(data, calm[kind].data)),
      bulk: same(bulk.data, alone.data),
    };
  },

  /** Share of wall time that each lane was busy: during a long call, and after it. */
  async busy() {
    const made = await program();
    const share = async (work) => {
      // Outside both readings, so that a share above 1 is a fault of the clock.
      const begin = performance.now();
      const from = border.laneBusyMs();
      await work();
      const to = border.laneBusyMs();
      const ms = performance.now() - begin;
      return Array.from(to, (busy, i) => (busy - from[i]) / ms);
    };
    const long = await share(() => call(made, 600).done);
    await sleep(50);
    return { long, idle: await share(() => sleep(300)) };
  },

  /** Milliseconds of CPU time in a second without calls, after some calls. */
  async idle() {
    const made = await program();
    await call(made, 50).done;
    await urgent(made, 1, 16).done;
    await sleep(100);
    globalThis.gc();
    const from = process.cpuUsage();
    await sleep(1000);
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1000;
  },
};

border.startLanes(Number(process.argv[3]));
process.stdout.write(JSON.stringify(await scenes[process.argv[2]]()));
