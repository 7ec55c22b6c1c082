/**
 * The first position of a family: 0, or pad_token_id + 1 in RoBERTa and its relatives.
 *
 * A graph that takes positions as an input does not show it; only the name of the family does.
 */

import type { JsonObject } from '../core/json.js';

/** Families whose positions are 0, 1, 2 ... */
const FROM_ZERO: ReadonlySet<string> = new Set([
  ...['albert', 'bert', 'big_bird', 'convbert', 'deberta', 'deberta-v2', 'distilbert', 'electra'],
  ...['ernie', 'funnel', 'gte', 'layoutlm', 'megatron-bert', 'mobilebert', 'modernbert', 'new'],
  ...['nezha', 'nomic_bert', 'nystromformer', 'rembert', 'roc_bert', 'roformer', 'splinter'],
  ...['squeezebert', 'tinybert', 'yoso', 'jina_bert'],
]);

/** Families whose positions start at pad_token_id + 1. */
const BEHIND_PADDING: ReadonlySet<string> = new Set([
  ...['camembert', 'data2vec-text', 'esm', 'ibert', 'layoutlmv3', 'longformer', 'luke', 'mpnet'],
  ...['roberta', 'roberta-prelayernorm', 'xlm-roberta', 'xlm-roberta-xl', 'xmod'],
]);

/** Position of the first token for a model with this config.json; null if the family is unknown. */
export function firstPositionOf({ model_type, pad_token_id }: JsonObject): number | null {
  if (typeof model_type !== 'string') return null;
  if (FROM_ZERO.has(model_type)) return 0;
  if (!BEHIND_PADDING.has(model_type)) return null;
  // 1 is the default of transformers for all of these families.
  const padding = pad_token_id === undefined ? 1 : pad_token_id;
  const known = typeof padding === 'number' && Number.isInteger(padding) && padding >= 0;
  return known ? padding + 1 : null;
}
