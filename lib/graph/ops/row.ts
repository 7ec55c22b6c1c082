/**
 * The description of one operation of the graph: its fields, and the shape of its output.
 *
 * A row is all that the passes over graphs know of an operation: reading, validation, renaming, comparison and printing use
 * it.
 */

import type { SinterError } from '../../core/errors.js';
import type { Fields } from '../fields.js';
import type { EncoderGraph, ValueKind, WeightDtype } from '../types.js';

/** The shape of a value: [rows, width]. The number of rows depends on the texts, except for a `table`. */
export interface ValueShape {
  readonly kind: ValueKind;
  readonly width: number;
  /** Rows of a `table`; 0 for the other kinds. */
  readonly rows: number;
}

/** Everything that the shape function of an operation may use. Every method throws CORRUPT_MODEL with the name of the node. */
export interface ShapeContext {
  readonly graph: EncoderGraph;
  fail(message: string): SinterError;
  /** The shape of an earlier value, which must be of `kind` if given. */
  input(name: string, kind?: ValueKind): ValueShape;
  /** The shape of two earlier values, which must be the same; `what` names the second one in messages. */
  alike(input: string, other: string, what: string): ValueShape;
  /** The shape of a declared weight, which must have this number of axes. */
  weight(name: string, axes: number): readonly number[];
  /** Requires an f32 weight of shape [width]. */
  vector(name: string, width: number): void;
  /** Requires an f32 weight. Other storages are only for lookups and products. */
  plain(name: string): void;
  /** The storage of a weight, which must be declared. */
  dtype(name: string): WeightDtype;
  /** The common value of the list; throws if two of them differ. */
  same<T>(values: readonly T[], what: string): T;
}

/** The fields that every node has besides those of its row. */
export interface AnyNode {
  readonly op: string;
  readonly output: string;
}

export interface OpRow<Node extends AnyNode> {
  /** All fields except `op` and `output`. */
  readonly fields: Fields;
  readonly shape: (node: Node, see: ShapeContext) => ValueShape;
  /**
   * For operations that do not mix columns: the columns of the input from which the columns `keep` of the output are
   * computed. `width` is the width of the output.
   */
  readonly columns?: (keep: readonly number[], width: number) => readonly number[];
  /** A word or two for people about what the node does. `dtype` is the storage of its first weight. */
  readonly detail?: (node: Node, dtype: WeightDtype) => string;
}

export function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

/** A shape as text: `[2, 3]`. */
export function listOf(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** The shape of a value as text: `[tokens, 384]`. */
export function describeShape({ kind, width, rows }: ValueShape): string {
  return kind === 'table'
    ? listOf([rows, width])
    : `[${kind === 'selected' ? kind : `${kind}s`}, ${width}]`;
}
