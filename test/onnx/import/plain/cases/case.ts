/**
 * One small graph for one rule: what the rule does to it, or that it leaves it alone.
 */

import type { OnnxGraph } from '../../../../../lib/formats/onnx/import/model.js';
import type { Draft } from '../../../../../lib/formats/onnx/import/plain/draft.js';
import type { SmallGraph } from '../small.js';

export interface RuleCase {
  readonly rule: string;
  readonly title: string;
  readonly small: SmallGraph;
  /** Operators of the graph afterwards, in order. The same as before: the rule must leave the graph alone. */
  readonly left: readonly string[];
  /** Of the graph before; default 23. */
  readonly opset?: number;
  /** Rules that run with it, because what it writes is not computed by the evaluator or not the end. */
  readonly with?: readonly string[];
  /** Largest difference allowed between the outputs before and after; default 0. */
  readonly apart?: number;
  readonly check?: (graph: OnnxGraph, draft: Draft) => void;
}
