/**
 * The packages that a queue needs, BullMQ and ioredis, and the connection to Redis.
 *
 * The rule: both belong to the user and are loaded by the first call; no message has a URL, which may hold a password.
 */
import type * as Bull from 'bullmq';
import type { Redis } from 'ioredis';
import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';

export interface QueuePackages {
  readonly bull: typeof Bull;
  readonly redis: typeof Redis;
}

/** Loads them. UNAVAILABLE where one is not installed. */
export async function loadPackages(): Promise<QueuePackages> {
  try {
    const [bull, { Redis: redis }] = await Promise.all([import('bullmq'), import('ioredis')]);
    return { bull, redis };
  } catch (cause) {
    const what = 'a queue needs the packages bullmq and ioredis: npm install bullmq ioredis';
    throw new SinterError('UNAVAILABLE', what, { cause });
  }
}

/** Which queue of which Redis. */
export interface QueueOptions {
  /** Address of Redis: `redis://127.0.0.1:6379`, with user, password and number as `redis://user:password@host:port/0`. */
  readonly redis: string;
  /** Name of the queue. */
  readonly queue: string;
}

/** Throws TypeError or RangeError for an address or a name that cannot be one. */
export function checkQueue(where: string, { redis, queue }: QueueOptions): void {
  if (typeof redis !== 'string') throw typeMistake(`${where}: redis`, 'a text', redis);
  const url = URL.canParse(redis) ? new URL(redis) : null;
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol)) {
    const shown = url === null ? 'no URL' : `one of ${url.protocol}`;
    throw new RangeError(`${where}: redis must be a URL of redis: or rediss:, got ${shown}`);
  }
  if (typeof queue !== 'string') throw typeMistake(`${where}: queue`, 'a text', queue);
  // BullMQ joins the parts of its keys with colons.
  if (queue === '' || queue.includes(':')) {
    throw rangeMistake(`${where}: queue`, 'a name without a colon', queue);
  }
}

/** Longest wait for the first answer of Redis. */
const CONNECT_MS = 10_000;

/** A connection that has answered once, and from then on comes back by itself. UNAVAILABLE where Redis does not answer. */
export async function connect(packages: QueuePackages, address: string): Promise<Redis> {
  const client = new packages.redis(address, {
    lazyConnect: true,
    connectTimeout: CONNECT_MS,
    // What BullMQ asks for: its commands wait until the connection is back.
    maxRetriesPerRequest: null,
  });
  let problem: Error | null = null;
  client.on('error', (error: Error) => {
    problem ??= error;
  });
  try {
    await client.connect();
    await client.ping();
    return client;
  } catch (error) {
    client.disconnect();
    const cause = problem ?? (error as Error);
    const { host } = new URL(address);
    throw new SinterError('UNAVAILABLE', `Redis at ${host}: ${cause.message || cause.name}`, {
      cause,
    });
  }
}
