/**
 * Where the hub and its cache are, from the options and the environment.
 *
 * The variables and their order are those of huggingface_hub, so that one cache and one token serve Python and Node alike.
 */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { rangeMistake, SinterError } from '../core/errors.js';

export interface HubSettings {
  /** Folder of `models--org--name` folders. */
  readonly cache: string;
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly token: string | null;
  /** HF_HUB_OFFLINE: no request is ever made. */
  readonly offline: boolean;
  /** For a first answer, and between two pieces of a transfer. */
  readonly timeoutMs: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const ENDPOINT = 'https://huggingface.co';
const TIMEOUT_SECONDS = 10;

/** Reads the environment; throws RangeError for a variable that makes no sense. */
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

/** HF_TOKEN, else the file that `hf auth login` wrote. */
async function readToken(env: Environment, home: string): Promise<string | null> {
  const stated = set(env.HF_TOKEN);
  const path = set(env.HF_TOKEN_PATH) ?? join(home, 'token');
  const text = stated ?? (await readFile(expand(path), 'utf8').catch(() => ''));
  const token = text.trim();
  if (token === '') return null;
  // A line break inside would end the header that the token is sent in.
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new SinterError('UNAVAILABLE', 'the Hugging Face token has characters that no token has');
}

function set(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

function expand(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
