/**
 * The table of rules, in the order they run. A new exporter's spelling needs a new row here and nothing else.
 */

import type { Rule } from './rule.js';
import { ACTIVATION_RULES } from './rules/activations.js';
import { CONTAINER_RULES } from './rules/containers.js';
import { NORM_RULES } from './rules/norms.js';
import { OPSET_RULES } from './rules/opset.js';
import { PRODUCT_RULES } from './rules/products.js';

export const RULES: readonly Rule[] = [
  ...CONTAINER_RULES,
  ...OPSET_RULES,
  ...PRODUCT_RULES,
  ...ACTIVATION_RULES,
  ...NORM_RULES,
];
