/**
 * API keys: who may call, compared in constant time.
 *
 * The rule: every key is compared in full for every request, by digests of one length, so the time says nothing about a key.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isDeepStrictEqual } from 'node:util';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { PRIORITIES, type Priority } from '../core/priority.js';
import { type KeyLimits, KeyMeter } from './key-limits.js';

/** A key that callers send as `authorization: Bearer KEY` or `x-api-key: KEY`. */
export interface ApiKeyOptions {
  /** Who has the key: shown in logs and metrics, and the group whose requests take turns with others. */
  readonly name: string;
  /** At least 16 characters, none of them white space. */
  readonly key: string;
  readonly limits?: KeyLimits;
  /** Of all requests with this key. Default: 'interactive'. */
  readonly priority?: Priority;
  /** Whether the key opens the routes below /admin. Default: false. */
  readonly admin?: boolean;
}

/** A caller. */
export interface Caller {
  /** '' where the server has no keys. */
  readonly name: string;
  readonly priority: Priority;
  readonly isAdmin: boolean;
  /** Null without limits. */
  readonly meter: KeyMeter | null;
}

/** Whoever calls a server without keys. */
export const ANYBODY: Caller = { name: '', priority: 'interactive', isAdmin: false, meter: null };

const LEAST_CHARACTERS = 16;

interface StoredKey {
  readonly digest: Buffer;
  readonly caller: Caller;
}

export class ApiKeys {
  private keys: readonly StoredKey[];

  /** Throws TypeError or RangeError that names the key by its place; never shows a key. */
  constructor(keys: readonly ApiKeyOptions[], where: string) {
    this.keys = readKeys(keys, where);
  }

  /**
   * Puts other keys in their place, or throws as the constructor does and keeps the old ones. A key of a name that was there, with the same
   * limits, goes on with what its callers have used. Keys can't all be taken away, which would open the server to everybody.
   */
  replace(keys: readonly ApiKeyOptions[], where: string): void {
    const next = readKeys(keys, where);
    if (next.length === 0 && !this.isEmpty) {
      throw rangeMistake(where, 'at least one key, as the server has keys now', keys);
    }
    const before = new Map(this.keys.map(({ caller }) => [caller.name, caller.meter]));
    this.keys = next.map(({ digest, caller }) => {
      const meter = before.get(caller.name);
      const isSame = meter != null && isDeepStrictEqual(meter.limits, caller.meter?.limits);
      return { digest, caller: isSame ? { ...caller, meter } : caller };
    });
  }

  get isEmpty(): boolean {
    return this.keys.length === 0;
  }

  /** The owner of the key in the headers; null for none or an unknown one. */
  callerOf(headers: IncomingHttpHeaders): Caller | null {
    const given = keyIn(headers);
    if (given === null) return null;
    const digest = digestOf(given);
    let found: Caller | null = null;
    for (const stored of this.keys) {
      if (timingSafeEqual(stored.digest, digest)) found = stored.caller;
    }
    return found;
  }
}

function readKeys(keys: readonly ApiKeyOptions[], where: string): readonly StoredKey[] {
  if (!Array.isArray(keys)) throw typeMistake(where, 'an array of keys', keys);
  const stored = keys.map((key, i) => readKey(`${where}[${i}]`, key));
  const names = keys.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw rangeMistake(where, 'keys of different names', twice);
  return stored;
}

function keyIn({ authorization, 'x-api-key': header }: IncomingHttpHeaders): string | null {
  const [, bearer] = /^Bearer +(\S+)$/i.exec(authorization ?? '') ?? [];
  return bearer ?? (typeof header === 'string' && header !== '' ? header : null);
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function readKey(where: string, options: ApiKeyOptions): StoredKey {
  const read = readOptions(where, options, {
    ...{ name: true, key: true, limits: true, priority: true, admin: true },
  });
  const name = read.text('name', undefined);
  if (name === undefined) throw typeMistake(`${where}: name`, 'a text', undefined);
  const { key, limits } = options;
  if (typeof key !== 'string' || key.length < LEAST_CHARACTERS || /\s/.test(key)) {
    // The message must not show the key.
    const got = typeof key === 'string' ? `${key.length} characters` : typeof key;
    const what = `at least ${LEAST_CHARACTERS} characters without white space`;
    throw new RangeError(`${where}: key must be ${what}, got ${got}`);
  }
  return {
    digest: digestOf(key),
    caller: {
      name,
      priority: read.choice('priority', 'interactive', PRIORITIES),
      isAdmin: read.boolean('admin', false),
      meter: limits === undefined ? null : new KeyMeter(name, readLimits(where, limits)),
    },
  };
}

function readLimits(where: string, limits: KeyLimits): KeyLimits {
  const at = `${where}: limits`;
  const names = ['maxConcurrentRequests', 'requestsPerMinute', 'tokensPerMinute'] as const;
  const known = {
    maxConcurrentRequests: true,
    requestsPerMinute: true,
    tokensPerMinute: true,
  } as const;
  const read = readOptions(at, limits, known);
  const given = names.map((name) => [name, read.count(name, undefined)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
