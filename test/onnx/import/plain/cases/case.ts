/** One small graph for one rule: the graph that the rule makes of it, or that it leaves it unchanged. */

import type { OnnxGraph } from '../../../../../lib/formats/onnx/import/model.js';
import type { Draft } from '../../../../../lib/formats/onnx/import/plain/draft.js';
import type { SmallGraph } from '../small.js';

export interface RuleCase {
  readonly rule: string;
  readonly title: string;
  readonly small: SmallGraph;
  /** Operators of the graph afterwards, in order; unchanged operators mean that the rule must not apply. */
  readonly left: readonly string[];
  /** Operator set of the graph before; default 23. */
  readonly opset?: number;
  /**
   * Further rules to run, where the evaluator cannot compute the operators that this rule writes, or they are not plain yet.
   */
  readonly with?: readonly string[];
  /** Largest difference allowed between the outputs before and after; default 0. */
  readonly apart?: number;
  readonly check?: (graph: OnnxGraph, draft: Draft) => void;
}
