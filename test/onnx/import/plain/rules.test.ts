/**
 * Every rule alone on small graphs: the operators that are left, and the same outputs before and after.
 */

import { describe, expect, it } from 'vitest';
import { RULES } from '../../../../lib/formats/onnx/import/plain/rules.js';
import { ACTIVATION_CASES } from './cases/activations.js';
import { ATTENTION_CASES, EMBEDDING_CASES } from './cases/attention.js';
import { CONTAINER_CASES, OPSET_CASES } from './cases/base.js';
import type { RuleCase } from './cases/case.js';
import { INTEGER_CASES } from './cases/integer-products.js';
import { NORM_CASES } from './cases/norms.js';
import { OUR_CASES } from './cases/ours.js';
import { EINSUM_CASES, FOLDING_CASES, PRODUCT_CASES } from './cases/products.js';
import { N_BITS_CASES, Q_OPERATOR_CASES } from './cases/q-operators.js';
import { QDQ_CASES } from './cases/quantized.js';
import { rewrite } from './small.js';

const CASES: readonly RuleCase[] = [
  ...CONTAINER_CASES,
  ...OPSET_CASES,
  ...PRODUCT_CASES,
  ...EINSUM_CASES,
  ...FOLDING_CASES,
  ...ACTIVATION_CASES,
  ...NORM_CASES,
  ...ATTENTION_CASES,
  ...EMBEDDING_CASES,
  ...QDQ_CASES,
  ...OUR_CASES,
  ...INTEGER_CASES,
  ...Q_OPERATOR_CASES,
  ...N_BITS_CASES,
];

/** Tested in `preparation.test.ts`: its operator has a mark that only the preparation gives. */
const ELSEWHERE = ['softmax-12'];

describe('rules of the plain form', () => {
  it('are all tested', () => {
    const tested = new Set([...CASES.map((item) => item.rule), ...ELSEWHERE]);
    expect(RULES.map((rule) => rule.name).filter((name) => !tested.has(name))).toEqual([]);
  });

  it('have names of their own', () => {
    expect(new Set(RULES.map((rule) => rule.name)).size).toBe(RULES.length);
  });

  it.each(CASES.map((item) => [`${item.rule}: ${item.title}`, item] as const))(
    '%s',
    async (_, item) => {
      const names = [item.rule, ...(item.with ?? [])];
      const rules = RULES.filter((rule) => names.includes(rule.name));
      expect(rules).toHaveLength(names.length);
      const result = await rewrite(item.small, rules, item.opset);
      expect(result.operators).toEqual(item.left);
      expect(result.apart).toBeLessThanOrEqual(item.apart ?? 0);
      item.check?.(result.graph, result.draft);
    },
  );
});
