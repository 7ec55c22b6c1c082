/** Where the queue of `sinter worker`, `enqueue` and `collect` is: the same flags, variables and defaults for all of them. */
import type { Command } from 'commander';
import type { QueueOptions } from '../worker/index.js';

/** Flags of the queue. */
export interface QueueFlags {
  readonly redis?: string;
  readonly queue?: string;
  readonly root?: string;
}

/** Where the address of Redis may be, so that no list of processes shows its password. */
const ADDRESS = 'SINTER_REDIS_URL';

/** Adds --redis, --queue and --root. */
export function withQueue(command: Command): Command {
  return command
    .option('--redis <url>', `address of Redis (default: ${ADDRESS}, else redis://127.0.0.1:6379)`)
    .option('--queue <name>', 'name of the queue (default: sinter)')
    .option('--root <dir>', 'folder that holds all files of jobs (default: this one)');
}

/** The queue that the flags, or else the environment, name. */
export function queueOf({
  redis,
  queue = 'sinter',
  root,
}: QueueFlags): QueueOptions & { readonly root?: string } {
  const address = redis ?? process.env[ADDRESS] ?? 'redis://127.0.0.1:6379';
  return { redis: address, queue, ...(root !== undefined && { root }) };
}
