/**
 * What one operation of the graph is: its fields, and the shape of what it makes.
 *
 * A row is all that the passes over graphs know of an operation: reading, validation, walking, renaming, comparison, printing.
 */

import type { SinterError } from '../../core/errors.js';
import type { Fields } from '../fields.js';
import type { EncoderGraph, ValueKind, WeightDtype } from '../types.js';

/** The shape of a value: [rows, width], where the number of rows depends on the texts but for a `table`. */
export interface ValueShape {
  readonly kind: ValueKind;
  readonly width: number;
  /** Of a `table`; 0 for the other kinds. */
  readonly rows: number;
}

/** What a node may look at while its shape is found. Every method throws CORRUPT_MODEL, which names the node. */
export interface ShapeContext {
  readonly graph: EncoderGraph;
  fail(message: string): SinterError;
  /** An earlier value, of `kind` where that is given. */
  input(name: string, kind?: ValueKind): ValueShape;
  /** Two earlier values of one shape; `what` names the second. */
  alike(input: string, other: string, what: string): ValueShape;
  /** The shape of a declared weight with so many axes. */
  weight(name: string, axes: number): readonly number[];
  /** A weight [width] that is read as it is. */
  vector(name: string, width: number): void;
  /** The weight is read as it is, not looked up or multiplied by. */
  plain(name: string): void;
  /** Throws when the weight is not declared. */
  dtype(name: string): WeightDtype;
  /** The one value that all of them have. */
  same<T>(values: readonly T[], what: string): T;
}

/** The fields that every node has besides those of its row. */
export interface AnyNode {
  readonly op: string;
  readonly output: string;
}

export interface OpRow<Node extends AnyNode> {
  /** All but `op` and `output`. */
  readonly fields: Fields;
  readonly shape: (node: Node, see: ShapeContext) => ValueShape;
  /**
   * Of operations whose columns do not mix: the columns of `input` that these columns of the output are made of, where the output
   * has `width` columns.
   */
  readonly columns?: (keep: readonly number[], width: number) => readonly number[];
  /** For people: what the node does, in a word or two. `dtype`: that of its first weight. */
  readonly detail?: (node: Node, dtype: WeightDtype) => string;
}

export function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

/** `[2, 3]`. */
export function listOf(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** `[tokens, 384]`. */
export function describeShape({ kind, width, rows }: ValueShape): string {
  return kind === 'table'
    ? listOf([rows, width])
    : `[${kind === 'selected' ? kind : `${kind}s`}, ${width}]`;
}
