/**
 * Finds the role of each output of the graph: token vectors, a pooled vector, a sentence vector or logits. The computation
 * decides; only between a pooled and a sentence vector the output's name does.
 */

import type { OutputName } from '../../../../graph/types.js';
import type { OnnxGraph } from '../model.js';
import type { Value } from './draft.js';
import { coefficientAt, type Form, indexOf, sizeOf } from './form.js';
import { settle } from './rows.js';
import { isValidRow } from './vectors.js';
import type { Known, Walk } from './walk.js';

export type HeadKind =
  | 'classification'
  | 'token-classification'
  | 'question-answering'
  | 'masked-lm';

export interface FoundOutput {
  readonly file: string;
  readonly name: OutputName;
  readonly value: Value;
  /** Column of `value` that is the file's output; null: all columns. */
  readonly column: number | null;
}

export interface FoundOutputs {
  readonly found: readonly FoundOutput[];
  readonly hidden: Value;
  readonly head: HeadKind | null;
  /** Names of the file's outputs without a known role. */
  readonly unknown: readonly string[];
}

/** Finds the roles of all outputs; null when no output has a known role. */
export function outputsOf(
  walk: Walk,
  graph: OnnxGraph,
  known: ReadonlyMap<string, Known | null>,
): FoundOutputs | null {
  const rows: { file: string; value: Value; column: number | null }[] = [];
  const unknown: string[] = [];
  for (const { name } of graph.outputs) {
    const value = known.get(name);
    const settled = value?.kind === 'form' ? rowsOf(walk, value) : null;
    if (settled === null) unknown.push(name);
    else rows.push({ file: name, ...settled });
  }
  const [first] = rows;
  if (first === undefined) return null;
  const hidden = hiddenOf(rows.map(({ value }) => value));
  if (hidden === null) return null;
  let head: HeadKind | null = null;
  const found: FoundOutput[] = [];
  for (const { file, value, column } of rows) {
    const name = nameOf(value, hidden, file);
    const taken = found.some((other) => other.name === name && other.value !== value);
    if (name === null || taken) {
      unknown.push(file);
      continue;
    }
    if (name === 'logits') head = headOf(walk, value, column !== null);
    found.push({ file, name, value, column });
  }
  return found.length === 0 ? null : { found, hidden, head, unknown };
}

/** The value behind an output [.., width], or behind one column as [batch, tokens] or [batch]; null for anything else. */
function rowsOf(walk: Walk, input: Form): { value: Value; column: number | null } | null {
  const whole = input.dims.length > 1 ? inOrder(walk, input) : null;
  if (whole !== null) return { value: whole, column: null };
  const [term] = input.terms;
  if (term?.basis.kind !== 'rows' || input.terms.length !== 1) return null;
  const { value } = term.basis;
  const size = sizeOf(input.dims);
  if (size !== value.rows) return null;
  const index = indexOf(term, size);
  const column = (index[0] ?? 0) % value.width;
  const fits = index.every((element, r) => {
    if (!isValidRow(walk.probe, value, r)) return true;
    return element === r * value.width + column && coefficientAt(term, r) === 1;
  });
  return fits && input.constant === null ? { value, column } : null;
}

function inOrder(walk: Walk, input: Form): Value | null {
  const rows = settleQuietly(walk, input);
  if (rows === null) return null;
  const { value, row } = rows;
  return row.every((r, i) => r === i || !isValidRow(walk.probe, value, r)) ? value : null;
}

function settleQuietly(walk: Walk, input: Form) {
  try {
    return settle(walk, input);
  } catch {
    return null;
  }
}

/** The end of the last layer: the norm after the last residual sum, or else that sum. */
function hiddenOf(outputs: readonly Value[]): Value | null {
  const found = new Set<Value>();
  const todo = [...outputs];
  let sum: Value | null = null;
  for (let value = todo.pop(); value !== undefined; value = todo.pop()) {
    if (found.has(value)) continue;
    found.add(value);
    if (value.node.op === 'add' && (sum === null || value.id > sum.id)) sum = value;
    const { node } = value;
    if (node.op === 'attention') todo.push(node.query, node.key, node.value);
    else if (node.op === 'add' || node.op === 'product') todo.push(node.left, node.right);
    else if (node.op === 'concat') todo.push(...node.inputs);
    else if ('input' in node) todo.push(node.input);
  }
  const norm = [...found].find(({ node }) => node.op === 'norm' && node.input === sum);
  return norm ?? sum;
}

function nameOf(value: Value, hidden: Value, file: string): OutputName | null {
  if (value === hidden) return 'hidden';
  const { node } = value;
  const linear = node.op === 'linear';
  if (value.kind === 'token') return value.id > hidden.id && linear ? 'logits' : null;
  if (value.kind !== 'sequence') return null;
  if (linear && !/embed|dense|vector/i.test(file)) return 'logits';
  const isPooler =
    node.op === 'activation' &&
    node.kind === 'tanh' &&
    node.input.node.op === 'linear' &&
    node.input.node.input.node.op === 'pool' &&
    node.input.node.input.node.kind === 'cls';
  return isPooler && !/sentence/i.test(file) ? 'pooled' : 'embedding';
}

function headOf(walk: Walk, value: Value, split: boolean): HeadKind {
  if (value.kind === 'sequence') return 'classification';
  if (split && value.width === 2) return 'question-answering';
  return value.width === walk.vocabulary ? 'masked-lm' : 'token-classification';
}
