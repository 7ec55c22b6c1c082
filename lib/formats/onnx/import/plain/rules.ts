/**
 * The table of rules, in the order in which they run. A new exporter's spelling needs a new row here and nothing else.
 */

import type { Rule } from './rule.js';
import { ACTIVATION_RULES } from './rules/activations.js';
import { ATTENTION_RULES } from './rules/attention.js';
import { CONTAINER_RULES } from './rules/containers.js';
import { EINSUM_RULES } from './rules/einsum.js';
import { EMBEDDING_RULES } from './rules/embeddings.js';
import { FOLDING_RULES } from './rules/folding.js';
import { INTEGER_PRODUCT_RULES } from './rules/integer-products.js';
import { N_BITS_RULES } from './rules/n-bits.js';
import { NORM_RULES } from './rules/norms.js';
import { OLD_SOFTMAX_RULES, OPSET_RULES } from './rules/opset.js';
import { PRODUCT_RULES } from './rules/products.js';
import { Q_OPERATOR_RULES } from './rules/q-operators.js';
import { QDQ_RULES, RANGE_RULES } from './rules/qdq.js';
import { SCALED_SILU_RULES } from './rules/scaled-silu.js';
import { UNIT_RANGE_RULES } from './rules/unit-range.js';

export const RULES: readonly Rule[] = [
  ...CONTAINER_RULES,
  ...OPSET_RULES,
  ...QDQ_RULES,
  ...INTEGER_PRODUCT_RULES,
  ...UNIT_RANGE_RULES,
  ...Q_OPERATOR_RULES,
  ...N_BITS_RULES,
  ...ATTENTION_RULES,
  ...EMBEDDING_RULES,
  ...PRODUCT_RULES,
  ...EINSUM_RULES,
  ...FOLDING_RULES,
  ...ACTIVATION_RULES,
  ...SCALED_SILU_RULES,
  ...NORM_RULES,
  ...OLD_SOFTMAX_RULES,
  ...RANGE_RULES,
];
