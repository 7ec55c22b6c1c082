/**
 * The Pooling module of sentence-transformers: reads and writes its config.json in both generations.
 *
 * The vectors of several modes are concatenated: in the order of the list (from 5.4), or in the library's fixed order
 * of the flags (up to 5.3).
 */

import { SinterError, show } from '../core/errors.js';
import { type JsonObject, readJsonObject } from '../core/json.js';
import { POOL_KINDS, type PoolKind } from '../graph/types.js';
import { checkKeys, POOLING_KEYS } from './sentence-keys.js';

/** Flags of the older generation, one per mode, in the order in which the library concatenates the modes' vectors. */
const FLAGS: readonly (readonly [flag: string, kind: PoolKind])[] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len_tokens'],
  ['pooling_mode_weightedmean_tokens', 'weightedmean'],
  ['pooling_mode_lasttoken', 'lasttoken'],
];

export interface PoolingSettings {
  /** Pooling modes, at least one. */
  readonly kinds: readonly PoolKind[];
  /** Whether the tokens of a prompt are pooled too. */
  readonly includePrompt: boolean;
}

/** Reads the config.json of a Pooling module. The messages of CORRUPT_MODEL and UNSUPPORTED_MODEL name file and key. */
export async function readPooling(file: string): Promise<PoolingSettings> {
  const config = await readJsonObject(file);
  checkKeys(file, config, POOLING_KEYS);
  const { include_prompt: includePrompt = true } = config;
  if (typeof includePrompt !== 'boolean') {
    const message = `${file}: include_prompt must be true or false, got ${show(includePrompt)}`;
    throw new SinterError('CORRUPT_MODEL', message, { details: { file } });
  }
  const stated = config.pooling_mode;
  const kinds = stated === undefined || stated === null ? byFlags(config) : listed(file, stated);
  return { kinds, includePrompt };
}

function listed(file: string, stated: unknown): readonly PoolKind[] {
  const modes: readonly unknown[] = Array.isArray(stated) ? stated : [stated];
  const kinds = modes.map((mode) => POOL_KINDS.find((known) => known === mode));
  const known = kinds.filter((kind) => kind !== undefined);
  const different = new Set(known).size === modes.length;
  if (different && modes.length > 0) return known;
  throw unsupported(file, `pooling_mode ${show(JSON.stringify(stated))} (supported: ${names()})`);
}

/** Modes whose flag is set. Where none is, the library takes the mean. */
function byFlags(config: JsonObject): readonly PoolKind[] {
  const kinds = FLAGS.filter(([flag]) => config[flag] === true).map(([, kind]) => kind);
  return kinds.length === 0 ? ['mean'] : kinds;
}

/**
 * Content of the config.json of a Pooling module over token vectors of `width` numbers. It has the flags of the older
 * generation, which every version reads; modes in an order that the flags cannot express are written as the newer
 * generation's list.
 */
export function poolingConfig(
  { kinds, includePrompt }: PoolingSettings,
  width: number,
): JsonObject {
  const inOrder = POOL_KINDS.filter((kind) => kinds.includes(kind));
  if (inOrder.every((kind, i) => kind === kinds[i])) {
    const flags = FLAGS.map(([flag, kind]) => [flag, kinds.includes(kind)]);
    return {
      word_embedding_dimension: width,
      ...Object.fromEntries(flags),
      include_prompt: includePrompt,
    };
  }
  return { embedding_dimension: width, pooling_mode: kinds, include_prompt: includePrompt };
}

function names(): string {
  return POOL_KINDS.join(', ');
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
