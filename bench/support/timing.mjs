// Timing of several candidates for comparison: every candidate runs once in every round, so that a change of the machine's
// speed affects all of them. Figures are medians.
import { setTimeout as sleep } from 'node:timers/promises';

/** The pause between two candidates, in which the threads of the first one stop spinning. */
const PAUSE_MS = 30;

/** The middle value, or the mean of the two in the middle; NaN for none. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle];
  return (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * { ms, cpuMs } of one call of `run`, after a pause; cpuMs counts all threads of this process. A candidate in another process
 * is { time }, a function that times it there and returns the same.
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
 * Runs all candidates `rounds` times, interleaved, after one round that does not count. Every second round runs in reverse
 * order, so that no candidate always follows the same neighbour. Returns one list of times per candidate.
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
 * The figures of one candidate for the tables and files. On one thread, a CPU time far below the wall time means that other
 * processes had the CPU and the figures are worth little.
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
