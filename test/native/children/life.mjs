// What happens to jobs, programs and memory while JavaScript goes on. `argv[2]` picks the scene; prints its finding.
import { border, call, program, SETTINGS, step } from './model.mjs';

const settle = async (done) => {
  try {
    await done;
    return 'done';
  } catch (error) {
    return error.code;
  }
};
const turn = () => new Promise((resolve) => setImmediate(resolve));

const scenes = {
  /** dispose() during and before calls: the calls end well. */
  async dispose() {
    const made = await program();
    const calls = Array.from({ length: 5 }, () => call(made, 16));
    made.dispose();
    return Promise.all(calls.map(({ done }) => settle(done)));
  },

  /** Programs, trainers and buffers that only running jobs hold. */
  async garbage() {
    const results = [];
    for (let i = 0; i < 10; i++) {
      results.push(settle(call(await program(), 16).done));
      const trainer = new border.Trainer(await program(true), SETTINGS);
      results.push(settle(step(trainer, 8).done));
      globalThis.gc();
      await turn();
    }
    globalThis.gc();
    const endings = await Promise.all(results);
    globalThis.gc();
    return [...new Set(endings)];
  },

  /** Cancels one job that runs and one that waits; the others are not touched. */
  async cancel() {
    const made = await program();
    const running = call(made, 2000);
    const waiting = call(made, 4);
    const other = call(made, 4);
    const order = [];
    const ends = Object.entries({ running, waiting, other }).map(async ([name, { done }]) => {
      const end = await settle(done);
      order.push(name);
      return end;
    });
    border.cancel(waiting.jobId);
    await new Promise((resolve) => setTimeout(resolve, 10)); // now the first one runs
    border.cancel(running.jobId);
    const endings = await Promise.all(ends);
    border.cancel(other.jobId); // long gone
    return [...endings, order, await settle(call(made, 4).done)];
  },

  /** A cancelled step changes nothing; the next one works. */
  async step() {
    const made = await program(true);
    const trainer = new border.Trainer(made, SETTINGS);
    const before = made.store.readWeight('q0');
    const cancelled = step(trainer, 400);
    await turn();
    border.cancel(cancelled.jobId);
    const ending = await settle(cancelled.done);
    const same = Buffer.from(before.buffer).equals(Buffer.from(made.store.readWeight('q0').buffer));
    const next = await settle(step(trainer, 4).done);
    const moved = !Buffer.from(before.buffer).equals(
      Buffer.from(made.store.readWeight('q0').buffer),
    );
    return [ending, same, next, moved];
  },

  /** Thousands of calls at once, every third cancelled. */
  async crowd() {
    const made = await program();
    const calls = Array.from({ length: 3000 }, () => call(made, 1, 3));
    for (const [i, { jobId }] of calls.entries()) if (i % 3 === 0) border.cancel(jobId);
    const endings = await Promise.all(calls.map(({ done }) => settle(done)));
    const kept = calls.filter((_, i) => endings[i] === 'done');
    const first = kept[0].data.join();
    const right = kept.every(({ data }) => data.join() === first);
    return [new Set(endings).size <= 2, kept.length >= 2000, right];
  },

  /** Turns of the event loop during one long call. */
  async turns() {
    const made = await program();
    const { done } = call(made, 1500);
    let running = true;
    done.finally(() => {
      running = false;
    });
    let turns = 0;
    while (running) {
      await turn();
      turns++;
    }
    return turns;
  },

  /** Growth of the resident set in MiB over 2000 calls and 200 programs, after as many to warm up. */
  async memory() {
    const made = await program();
    const trainable = await program(true);
    const work = async () => {
      for (let i = 0; i < 2000; i++) await call(made, 2, 4).done;
      for (let i = 0; i < 100; i++) {
        const one = await program(i % 2 === 0);
        if (i % 2 === 0) new border.Trainer(one, SETTINGS).dispose();
        one.dispose();
      }
      const trainer = new border.Trainer(trainable, SETTINGS);
      for (let i = 0; i < 20; i++) await step(trainer, 2).done;
      trainer.dispose();
      globalThis.gc();
      await turn();
      globalThis.gc();
    };
    await work();
    const before = process.memoryUsage.rss();
    await work();
    return (process.memoryUsage.rss() - before) / 2 ** 20;
  },
};

border.startLanes(2);
process.stdout.write(JSON.stringify(await scenes[process.argv[2]]()));
