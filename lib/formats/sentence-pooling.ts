/**
 * The Pooling module of sentence-transformers: its config.json in both generations, read and written.
 *
 * Several modes are put side by side: in the order of the list (from 5.4), or in the library's own order of the
 * flags (up to 5.3).
 */

import { SinterError, show } from '../core/errors.js';
import { type JsonObject, readJsonObject } from '../core/json.js';
import type { PoolKind } from '../graph/types.js';

/** Older generation: one flag per mode, in the order in which its vectors are put side by side. */
const FLAGS: readonly (readonly [flag: string, kind: PoolKind])[] = [
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_max_tokens', 'max'],
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_mean_sqrt_len_tokens', 'mean_sqrt_len_tokens'],
  ['pooling_mode_weightedmean_tokens', 'weightedmean'],
  ['pooling_mode_lasttoken', 'lasttoken'],
];

export const POOL_KINDS: readonly PoolKind[] = FLAGS.map(([, kind]) => kind);

/** The modes of a Pooling module; at least one. UNSUPPORTED_MODEL for what Sinter does not do. */
export async function readPooling(file: string): Promise<readonly PoolKind[]> {
  const config = await readJsonObject(file);
  if (config.include_prompt === false) {
    throw unsupported(file, 'include_prompt false (tokens of a prompt are always pooled here)');
  }
  const stated = config.pooling_mode;
  const kinds =
    stated === undefined || stated === null ? byFlags(file, config) : listed(file, stated);
  if (kinds.length === 0) throw unsupported(file, `pooling by nothing (supported: ${names()})`);
  return kinds;
}

function listed(file: string, stated: unknown): readonly PoolKind[] {
  const modes: readonly unknown[] = Array.isArray(stated) ? stated : [stated];
  const kinds = modes.map((mode) => POOL_KINDS.find((known) => known === mode));
  const known = kinds.filter((kind) => kind !== undefined);
  if (known.length === modes.length && new Set(known).size === known.length) return known;
  throw unsupported(file, `pooling_mode ${show(JSON.stringify(stated))} (supported: ${names()})`);
}

function byFlags(file: string, config: JsonObject): readonly PoolKind[] {
  const set = Object.keys(config).filter(
    (key) => key.startsWith('pooling_mode_') && config[key] === true,
  );
  const unknown = set.find((key) => !FLAGS.some(([flag]) => flag === key));
  if (unknown !== undefined) throw unsupported(file, `${show(unknown)} (supported: ${names()})`);
  return FLAGS.filter(([flag]) => set.includes(flag)).map(([, kind]) => kind);
}

/**
 * config.json of a Pooling module over token vectors of `width` numbers: the older generation, which every reader
 * takes; an order that its flags cannot say is written as the newer one's list.
 */
export function poolingConfig(kinds: readonly PoolKind[], width: number): JsonObject {
  const inOrder = POOL_KINDS.filter((kind) => kinds.includes(kind));
  if (inOrder.every((kind, i) => kind === kinds[i])) {
    const flags = FLAGS.map(([flag, kind]) => [flag, kinds.includes(kind)]);
    return { word_embedding_dimension: width, ...Object.fromEntries(flags), include_prompt: true };
  }
  return { embedding_dimension: width, pooling_mode: kinds, include_prompt: true };
}

function names(): string {
  return POOL_KINDS.join(', ');
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
