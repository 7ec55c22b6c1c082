/**
 * Rewrites a model into its plain form (see `plain-model.ts`) by the rules of `rules.ts`.
 *
 * Every rule runs over the whole graph, in the order of the table, again and again until none of them changes anything.
 */

import { SinterError } from '../../../../core/errors.js';
import type { OnnxGraph, OnnxModel, OnnxNode } from '../model.js';
import { describe, operatorOf } from './attributes.js';
import { Draft } from './draft.js';
import { floatTypes } from './float-types.js';
import { inlineFunctions } from './functions.js';
import type { AppliedRule, PlainModel } from './plain-model.js';
import { type Pass, type Rule, Writer } from './rule.js';
import { RULES } from './rules.js';
import { mergeConstants } from './same-constants.js';

/** Most nodes visited in all rounds together. BERT-large takes some 10,000. */
const MAX_LOOKS = 1_000_000;
const NODES_SHOWN = 8;

interface Log {
  count: number;
  readonly nodes: string[];
}

function runRule(rule: Rule, draft: Draft, log: Map<string, Log>): boolean {
  const every = rule.roots.includes('*');
  const entry = log.get(rule.name) ?? { count: 0, nodes: [] };
  const before = entry.count;
  if (rule.fresh) draft.refresh();
  if (!every && !rule.roots.some((root) => draft.operators.has(root))) return false;
  const pass: Pass = new Map();
  const nodes: OnnxNode[] = [];
  for (const node of draft.nodes) {
    const applies = every || rule.roots.includes(operatorOf(node));
    const made = applies
      ? draft.attempt(node, () => rule.rewrite(node, new Writer(draft, node, pass)))
      : null;
    if (made === null) {
      nodes.push(node);
      continue;
    }
    nodes.push(...made);
    entry.count += 1;
    if (entry.nodes.length < NODES_SHOWN) entry.nodes.push(describe(node));
  }
  if (entry.count === before) return false;
  draft.settle(nodes);
  log.set(rule.name, entry);
  return true;
}

/** Runs `rules` on a graph until nothing changes. Used by `toPlain`, and by tests of one rule. */
export function applyRules(draft: Draft, rules: readonly Rule[]): readonly AppliedRule[] {
  const log = new Map<string, Log>();
  let looked = 0;
  for (let changed = true; changed; draft.refresh()) {
    changed = false;
    looked += draft.nodes.length;
    if (looked > MAX_LOOKS) {
      throw new SinterError(
        'UNSUPPORTED_MODEL',
        `the graph is too large or too entangled to be simplified: ${draft.nodes.length} nodes left`,
      );
    }
    for (const rule of rules) changed = runRule(rule, draft, log) || changed;
  }
  draft.settle();
  return rules.flatMap((rule) => {
    const entry = log.get(rule.name);
    return entry === undefined ? [] : [{ rule: rule.name, ...entry }];
  });
}

function entry(rule: string, names: readonly string[]): AppliedRule[] {
  if (names.length === 0) return [];
  return [{ rule, count: names.length, nodes: names.slice(0, NODES_SHOWN) }];
}

/** The 16-bit float type of a graph's initializers, inputs and outputs; null for none. */
function halfType(graph: OnnxGraph): PlainModel['half'] {
  const types = new Set([
    ...[...graph.initializers.values()].map((initializer) => initializer.dtype),
    ...[...graph.inputs, ...graph.outputs].map((value) => value.dtype),
  ]);
  if (types.has('float16')) return 'float16';
  return types.has('bfloat16') ? 'bfloat16' : null;
}

/**
 * Returns the plain form of a model. The model is not changed, and its numbers are read only where a rule needs them.
 *
 * Throws UNSUPPORTED_MODEL where no rewriting helps (an operator set below 7, strings). Unknown operators stay.
 */
export function toPlain(model: OnnxModel): PlainModel {
  const version = model.opsets.get('') ?? model.opsets.get('ai.onnx') ?? 0;
  if (version !== 0 && version < 7) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `ONNX operator set ${version} is too old: 7 is the first that is read`,
      {
        details: { file: model.path, opset: version },
      },
    );
  }
  const inlined = inlineFunctions(model);
  const draft = new Draft(floatTypes(inlined.graph));
  const merged = mergeConstants(draft);
  const applied = applyRules(draft, RULES);
  return {
    source: model,
    graph: draft.toGraph(),
    quantized: draft.quantized,
    activations: draft.activations,
    half: halfType(inlined.graph),
    applied: [...inlined.applied, ...entry('same-constants', merged), ...applied],
  };
}
