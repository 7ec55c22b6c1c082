/**
 * The machine that figures are measured on.
 */
import { cpus } from 'node:os';
import { ensureLanes } from '../native/lanes.js';
import { native } from '../native/native.js';
import type { IsaName } from '../native/program.js';

export interface Machine {
  readonly cpu: string;
  /** Kernels that run. */
  readonly isa: IsaName;
  /** The best instruction set that this CPU could run. */
  readonly hostIsa: IsaName;
  readonly threads: number;
}

/** Starts the threads, if no model has done so yet. */
export function machine(threads?: number): Machine {
  const { active, host } = native().isa();
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown CPU',
    isa: active,
    hostIsa: host,
    threads: ensureLanes('threads', threads),
  };
}
