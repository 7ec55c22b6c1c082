// Timing of several candidates that can be compared: every candidate runs once in every round, so that a change of the
// machine's speed meets all of them. Figures are medians.
import { setTimeout as sleep } from 'node:timers/promises';

/** Between two candidates: the threads of the one before stop spinning. */
const PAUSE_MS = 30;

/** The middle value, or the mean of the two in the middle; NaN for none. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * { ms, cpuMs } of one call of `run`, after a pause; cpuMs counts all threads of this process. A candidate that runs in
 * another process takes its own time: it is { time }, which gives the same.
 */
export async function timeOnce(run) {
  await sleep(PAUSE_MS);
  if (run.time !== undefined) return run.time();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const ms = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ms, cpuMs: (user + system) / 1000 };
}

/**
 * Runs all candidates `rounds` times, interleaved, after one round that does not count. Every second round runs
 * backwards, so that nobody always follows the same neighbour. Returns one list of times per candidate.
 */
export async function interleave(candidates, rounds) {
  const times = candidates.map(() => []);
  for (let round = -1; round < rounds; round++) {
    const order = [...candidates.keys()];
    if (round % 2 !== 0) order.reverse();
    for (const i of order) {
      const time = await timeOnce(candidates[i]);
      if (round >= 0) times[i].push(time);
    }
  }
  return times;
}

/**
 * What the tables and files say about the times of one candidate. On one thread a CPU time far below the wall time means
 * that other processes had the CPU, and the figures are worth little.
 */
export function summarize(times) {
  const rounded = times.map(({ ms }) => Number(ms.toFixed(3)));
  return {
    medianMs: median(rounded),
    fastestMs: Math.min(...rounded),
    medianCpuMs: median(times.map(({ cpuMs }) => Number(cpuMs.toFixed(3)))),
    rounds: rounded,
  };
}
