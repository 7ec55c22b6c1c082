/**
 * The draft that recovery writes while it walks a foreign graph: coarse operations over whole rows, with weights that point
 * into the file.
 *
 * A draft is finer than the IR (an activation and a residual sum are nodes of their own), so that two spellings of one model
 * give one draft; `to-graph.ts` fuses it.
 */

import type { ActivationKind, EmbeddingIndex, PoolKind, Rotary } from '../../../../graph/types.js';

/** Consecutive rows of a matrix in PyTorch's order [out, in], taken from one initializer. */
export interface Piece {
  /** Name of the initializer. */
  readonly source: string;
  /** Whether the initializer is [in, out], so that its columns are the rows. */
  readonly transposed: boolean;
  readonly begin: number;
  readonly end: number;
}

/** A matrix of rows of initializers, one piece below the other; `literal` holds the numbers where no initializer has them. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly pieces: readonly Piece[];
  readonly literal?: Float32Array;
}

export interface Vector {
  readonly values: Float32Array;
  /** Name of the initializer with exactly these values, for messages and sharing; '' when they were computed. */
  readonly source: string;
}

export type RowKind = 'token' | 'sequence' | 'table';

/** Columns of a value's rows: those of one attention head, or of a slice. */
export type Columns = readonly number[];

export interface DraftEmbedding {
  readonly op: 'embedding';
  readonly tables: readonly {
    readonly matrix: Matrix;
    readonly index: EmbeddingIndex;
    readonly offset: number;
  }[];
}

export interface DraftLinear {
  readonly op: 'linear';
  readonly input: Value;
  readonly matrix: Matrix;
  readonly bias: Vector | null;
}

export interface DraftNorm {
  readonly op: 'norm';
  readonly kind: 'layer' | 'rms';
  readonly input: Value;
  readonly weight: Vector;
  readonly bias: Vector | null;
  readonly epsilon: number;
}

/** `sigmoid` is an intermediate half of SiLU, until the product with its input is found. */
export type DraftActivationKind = Exclude<ActivationKind, 'none'> | 'sigmoid';

export interface DraftAttention {
  readonly op: 'attention';
  /** Query, key and value [rows, heads * headDim], with their heads in the same order. */
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  readonly heads: number;
  readonly headDim: number;
  readonly scale: number;
  readonly rotary: Rotary | null;
  /** Largest distance of a visible key; null: every key of the text is visible. */
  readonly window: number | null;
  readonly relativeBias: { readonly matrix: Matrix; readonly maxDistance: number } | null;
  readonly disentangled: {
    readonly keys: Value | null;
    readonly queries: Value | null;
    readonly buckets: number;
    readonly maxDistance: number;
  } | null;
}

export type DraftNode =
  | DraftEmbedding
  | DraftLinear
  | DraftNorm
  | DraftAttention
  | { readonly op: 'activation'; readonly kind: DraftActivationKind; readonly input: Value }
  | { readonly op: 'add'; readonly left: Value; readonly right: Value }
  | { readonly op: 'product'; readonly left: Value; readonly right: Value }
  | { readonly op: 'pool'; readonly kind: PoolKind; readonly input: Value }
  | { readonly op: 'normalize'; readonly input: Value }
  | { readonly op: 'concat'; readonly inputs: readonly Value[] }
  | { readonly op: 'parameter'; readonly matrix: Matrix };

/** The rows that a node computes on the probe, padding included. */
export interface Value {
  readonly id: number;
  readonly kind: RowKind;
  readonly rows: number;
  readonly width: number;
  readonly node: DraftNode;
  /**
   * Name of the file's value that holds exactly these rows in this order, for messages and comparisons; '' while none is
   * known.
   */
  origin: string;
}

/** Values that a node reads, in the order of its fields. */
export function operandsOf(node: DraftNode): readonly Value[] {
  switch (node.op) {
    case 'embedding':
    case 'parameter':
      return [];
    case 'add':
    case 'product':
      return [node.left, node.right];
    case 'concat':
      return node.inputs;
    case 'attention': {
      const tables = [node.disentangled?.keys, node.disentangled?.queries];
      return [
        node.query,
        node.key,
        node.value,
        ...tables.filter((table): table is Value => !!table),
      ];
    }
    default:
      return [node.input];
  }
}
