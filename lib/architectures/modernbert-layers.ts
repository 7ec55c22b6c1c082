/**
 * Which layers of ModernBERT attend to a window only, and the base of their rotary angles, from both forms of its
 * config.json.
 *
 * transformers 4 states that every n-th layer is global, and gives two numbers; transformers 5 lists the layers and nests
 * the numbers.
 */

import { show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { AttentionNode } from '../graph/types.js';
import type { ConfigReader } from './config-reader.js';
import { tidy } from './structure.js';

const [FULL, SLIDING] = ['full_attention', 'sliding_attention'] as const;
const [GLOBAL_THETA, LOCAL_THETA] = [160000, 10000];

export interface LayerPositions {
  /** For each layer, whether it attends to a window only. */
  readonly local: readonly boolean[];
  readonly globalTheta: number;
  readonly localTheta: number;
  /** Number of tokens on each side. */
  readonly window: number;
}

export function readLayerPositions(reader: ConfigReader, layers: number): LayerPositions {
  if ((reader.config.rope_scaling ?? null) !== null) throw reader.unsupported('rope_scaling');
  const globalTheta = readTheta(reader, FULL, 'global_rope_theta', GLOBAL_THETA);
  // In transformers 4, null stands for the global theta, and a missing key for the default one.
  const same = reader.config.local_rope_theta === null;
  return {
    local: readKinds(reader, layers),
    globalTheta,
    localTheta: readTheta(reader, SLIDING, 'local_rope_theta', same ? globalTheta : LOCAL_THETA),
    window: Math.floor(reader.whole('local_attention', 128, 1) / 2),
  };
}

function readKinds(reader: ConfigReader, layers: number): readonly boolean[] {
  const stated = reader.config.layer_types ?? null;
  if (stated === null) {
    const every = reader.whole('global_attn_every_n_layers', 3, 1);
    return Array.from({ length: layers }, (_, i) => i % every !== 0);
  }
  const known = Array.isArray(stated) && stated.every((kind) => kind === FULL || kind === SLIDING);
  if (known && stated.length === layers) return stated.map((kind) => kind === SLIDING);
  throw reader.corrupt('layer_types', `a list of ${layers} ${FULL} and ${SLIDING}`, stated);
}

function readTheta(reader: ConfigReader, kind: string, key: string, fallback: number): number {
  const all = reader.config.rope_parameters ?? {};
  const nested = isJsonObject(all) ? (all[kind] ?? {}) : null;
  if (nested === null || !isJsonObject(nested)) {
    throw reader.corrupt('rope_parameters', `an object with ${FULL} and ${SLIDING}`, all);
  }
  const { rope_theta: theta, rope_type: type = 'default', ...more } = nested;
  const [other] = Object.keys(more);
  if (type !== 'default' || other !== undefined) {
    throw reader.unsupported(`rope_parameters: ${other ?? `rope_type ${show(type)}`}`);
  }
  if (theta === undefined) return reader.number(key, 1, 1e12, fallback);
  if (typeof theta === 'number' && theta >= 1 && theta <= 1e12) return theta;
  throw reader.corrupt('rope_parameters', 'angles from 1 to 1e12', theta);
}

/**
 * The keys in the form that `base` has; else the older form, which both generations read, unless it cannot express the
 * layers.
 */
export function layerPositionKeys(
  attention: readonly AttentionNode[],
  base: JsonObject,
): JsonObject {
  const local = attention.find(({ window }) => window !== undefined);
  const thetaOf = (node: AttentionNode | undefined) => tidy(node?.rotary?.theta ?? 0);
  const global = thetaOf(attention.find(({ window }) => window === undefined) ?? local);
  const nested = isJsonObject(base.rope_parameters ?? null);
  const window = local?.window ?? 64;
  const stated = base.local_attention;
  const same = typeof stated === 'number' && (local === undefined || stated >> 1 === window);
  return {
    ...(nested
      ? {
          rope_parameters: {
            [FULL]: { rope_theta: global, rope_type: 'default' },
            [SLIDING]: { rope_theta: thetaOf(local ?? attention[0]), rope_type: 'default' },
          },
        }
      : {
          global_rope_theta: global,
          ...(local === undefined ? {} : { local_rope_theta: thetaOf(local) }),
        }),
    local_attention: same ? stated : 2 * window,
    ...kindKeys(
      attention.map((node) => node.window !== undefined),
      base,
    ),
  };
}

function kindKeys(local: readonly boolean[], base: JsonObject): JsonObject {
  const listed = { layer_types: local.map((is) => (is ? SLIDING : FULL)) };
  const second = local.findIndex((is, i) => i > 0 && !is);
  const stated = base.global_attn_every_n_layers;
  const alone = typeof stated === 'number' && stated >= local.length ? stated : local.length;
  const every = second > 0 ? second : alone;
  const regular = local.every((is, i) => is === (i % every !== 0));
  const isList = Array.isArray(base.layer_types);
  return {
    ...(regular && !(isList && stated === undefined) ? { global_attn_every_n_layers: every } : {}),
    ...(isList || !regular ? listed : {}),
  };
}
