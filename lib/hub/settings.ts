/**
 * Address of the hub and path of its cache, from the environment.
 *
 * The variables and their precedence are those of huggingface_hub, so that one cache and one token serve Python and Node
 * alike.
 */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { rangeMistake, SinterError } from '../core/errors.js';

export interface HubSettings {
  /** Folder that holds the `models--org--name` folders. */
  readonly cache: string;
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  /** HF_HUB_OFFLINE: no request is ever made. */
  readonly offline: boolean;
  /** Longest wait for a first answer, and between two pieces of a transfer. */
  readonly timeoutMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINT = 'https://huggingface.co';
const TIMEOUT_SECONDS = 10;

/** Reads the environment. Throws RangeError if a variable is not valid. */
export async function hubSettings(env: Environment = process.env): Promise<HubSettings> {
  const home =
    set(env.HF_HOME) ?? join(set(env.XDG_CACHE_HOME) ?? join(homedir(), '.cache'), 'huggingface');
  const cache = set(env.HF_HUB_CACHE) ?? set(env.HUGGINGFACE_HUB_CACHE) ?? join(home, 'hub');
  const endpoint = (set(env.HF_ENDPOINT) ?? ENDPOINT).replace(/\/+$/, '');
  if (!/^https?:\/\/[^/\s]+/.test(endpoint)) {
    throw rangeMistake('HF_ENDPOINT', 'an address that begins with https://', endpoint);
  }
  const seconds = Number(set(env.HF_HUB_DOWNLOAD_TIMEOUT) ?? TIMEOUT_SECONDS);
  if (!(seconds > 0)) {
    throw rangeMistake('HF_HUB_DOWNLOAD_TIMEOUT', 'seconds above 0', env.HF_HUB_DOWNLOAD_TIMEOUT);
  }
  return {
    cache: expand(cache),
    endpoint,
    token: await readToken(env, expand(home)),
    offline: ['1', 'true', 'yes', 'on'].includes((env.HF_HUB_OFFLINE ?? '').toLowerCase()),
    timeoutMs: 1000 * seconds,
  };
}

/** The token in HF_TOKEN, else in the file that `hf auth login` wrote; null without one. */
async function readToken(env: Environment, home: string): Promise<string | null> {
  const stated = set(env.HF_TOKEN);
  const path = set(env.HF_TOKEN_PATH) ?? join(home, 'token');
  const text = stated ?? (await readFile(expand(path), 'utf8').catch(() => ''));
  const token = text.trim();
  if (token === '') return null;
  // A line break in the token would end the HTTP header that carries it.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new SinterError('UNAVAILABLE', 'the Hugging Face token has characters that no token has');
}

function set(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

function expand(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
