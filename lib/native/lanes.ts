/**
 * The number of lanes (threads that compute) of this environment, decided once, before the first job.
 *
 * The default follows the CPUs this process may use: its affinity and its cgroup's quota, never the host's core count.
 */

import { readFileSync } from 'node:fs';
import { availableParallelism, setPriority } from 'node:os';
import { posix } from 'node:path';
import { rangeMistake } from '../core/errors.js';
import { native, toSinterError } from './native.js';

/** More than any machine has CPUs; a larger number is a mistake. */
const MAX_LANES = 1024;

let started: number | undefined;

/**
 * Starts the lanes on first use: `wanted` of them, else the number in `SINTER_LANES`, else one per usable CPU. Throws
 * RangeError if another number of lanes is running already.
 */
export function ensureLanes(where: string, wanted: number | undefined): number {
  if (wanted !== undefined && !isLanes(wanted)) {
    throw rangeMistake(`${where}: lanes`, `a whole number from 1 to ${MAX_LANES}`, wanted);
  }
  if (started === undefined) {
    const lanes = wanted ?? defaultLanes();
    try {
      native().startLanes(lanes);
    } catch (error) {
      throw toSinterError(error);
    }
    started = lanes;
  }
  if (wanted !== undefined && wanted !== started) {
    throw rangeMistake(`${where}: lanes`, `${started} (they run already)`, wanted);
  }
  return started;
}

/**
 * Lets the process's other threads, its event loop first, run before the lanes where CPUs are scarce: gives each lane's thread this
 * niceness (0 to 19). Returns how many lanes have it: none before `ensureLanes`, and where the system has no priorities of threads.
 */
export function lowerLanePriority(niceness: number): number {
  let lowered = 0;
  for (const thread of native().laneThreads()) {
    if (thread === 0) continue;
    try {
      setPriority(thread, niceness);
      lowered++;
    } catch {
      // A sandbox may forbid it, and a lane that is nicer already stays so. Results do not depend on it.
    }
  }
  return lowered;
}

/** Number of lanes if the caller names none. Throws RangeError if SINTER_LANES is not a valid number of lanes. */
export function defaultLanes(): number {
  const stated = process.env.SINTER_LANES;
  if (stated !== undefined && stated !== '') {
    const lanes = Number(stated);
    if (isLanes(lanes)) return lanes;
    throw rangeMistake('SINTER_LANES', `a whole number from 1 to ${MAX_LANES}`, stated);
  }
  const quota = cpuQuota(readText);
  const usable = Math.min(availableParallelism(), quota ?? MAX_LANES, MAX_LANES);
  return Math.max(1, Math.floor(usable));
}

function isLanes(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= MAX_LANES;
}

/**
 * CPU quota of the cgroups of this process, in CPUs: the smallest of all levels; null if unlimited. `read` returns the text
 * of a file, or null if there is none.
 */
export function cpuQuota(read: (path: string) => string | null): number | null {
  const quotas: number[] = [];
  for (const line of (read('/proc/self/cgroup') ?? '').split('\n')) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    const unified = controllers === '';
    if (!unified && !controllers.split(',').includes('cpu')) continue;
    const root = unified ? '/sys/fs/cgroup' : '/sys/fs/cgroup/cpu';
    // In a container the path may be the host's; then the container's own group is at the root.
    for (let level = path; ; level = posix.dirname(level)) {
      const quota = levelQuota(level === '/' ? root : root + level, unified, read);
      if (quota !== null) quotas.push(quota);
      if (level === '/') break;
    }
  }
  return quotas.length === 0 ? null : Math.min(...quotas);
}

function levelQuota(
  folder: string,
  unified: boolean,
  read: (path: string) => string | null,
): number | null {
  const [quota, period] = unified
    ? (read(`${folder}/cpu.max`) ?? '').trim().split(' ')
    : [read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)];
  const cpus = Number(quota ?? Number.NaN) / Number(period ?? Number.NaN);
  return Number.isFinite(cpus) && cpus > 0 ? cpus : null;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
