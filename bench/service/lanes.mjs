// The speed of one lane and of all lanes. Two processes take turns, because a process has one number of lanes.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { sinterRunner } from '../support/sinter.mjs';
import { interleave, summarize, timeOnce } from '../support/timing.mjs';
import { answer, loadEncoder, options, readInput } from './input.mjs';

/** A process on `threads` lanes that runs the workload once for each message. */
async function contestant(threads) {
  const own = JSON.stringify({ ...options, threads, role: 'lane' });
  const child = fork(fileURLToPath(import.meta.url), [own]);
  const next = async () => (await once(child, 'message'))[0];
  await next();
  const time = () => {
    child.send('run');
    return next();
  };
  return { time, end: () => child.disconnect() };
}

async function serve() {
  const encoder = await loadEncoder();
  const run = sinterRunner(encoder, readInput());
  process.on('message', async () => process.send(await timeOnce(run)));
  process.send('ready');
}

async function compare() {
  const lanes = options.threads;
  const children = [await contestant(1), await contestant(lanes)];
  const [one, all] = (await interleave(children, 2 * options.rounds)).map(summarize);
  for (const child of children) child.end();
  answer({ lanes, one, all, efficiency: one.medianMs / (lanes * all.medianMs) });
}

await (options.role === 'lane' ? serve() : compare());
