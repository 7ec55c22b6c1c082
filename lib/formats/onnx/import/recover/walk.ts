/**
 * The state of one walk over a plain graph with one probe: recovered values, and nodes that could not be explained.
 *
 * Numbers that do not depend on the meaning of the texts (shapes, masks, positions) are evaluated; activations are forms.
 */

import type { Initializer, OnnxNode, Tensor } from '../model.js';
import type { DraftNode, RowKind, Value } from './draft.js';
import type { Form } from './form.js';
import { sizeOf } from './form.js';
import { Memo } from './memo.js';
import type { Probe } from './probe.js';

/** Known numbers, read on demand. */
export interface Data {
  readonly kind: 'data';
  readonly dims: readonly number[];
  readonly dtype: Tensor['dtype'];
  /** The initializer that holds exactly these numbers; null for computed ones. */
  readonly initializer: Initializer | null;
  readonly read: () => Tensor;
}

export type Known = Data | Form;

/** The reason why a node is not explained. The walk records it and goes on. */
export class Unexplained extends Error {}

/** Contradictory sizes, which mean a damaged file, not an unknown model. */
export class Misfit extends Unexplained {}

export interface UnexplainedNode {
  readonly node: OnnxNode;
  readonly reason: string;
  readonly damaged: boolean;
}

/** Parameters of a walk. */
type Given = Pick<Walk, 'probe' | 'half' | 'hasSegments' | 'compute'>;

export class Walk {
  readonly probe: Probe;
  /** Whether the file's numbers were rounded to 16 bits; scales, epsilons and angles are then rounded too. */
  readonly half: boolean;
  /** Whether the graph has an input of segments. */
  readonly hasSegments: boolean;
  /** Evaluates one node on numbers. */
  readonly compute: (node: OnnxNode, inputs: readonly (Tensor | null)[]) => Tensor[];
  readonly problems: UnexplainedNode[] = [];
  readonly notes = new Set<string>();
  /** Number of positions that all tables of positions have; null while there is no such table. */
  maxTokens: number | null = null;
  /** Rows of the smallest table that ids index; null while there is none. */
  vocabulary: number | null = null;
  segments = 1;
  readonly memo = new Memo();
  private nextId = 0;
  private readonly values = new Map<string, Value>();

  constructor({ probe, half, hasSegments, compute }: Given) {
    this.probe = probe;
    this.half = half;
    this.hasSegments = hasSegments;
    this.compute = compute;
  }

  value(kind: RowKind, rows: number, width: number, node: DraftNode): Value {
    return { id: this.nextId++, kind, rows, width, node, origin: '' };
  }

  /** Returns the value made earlier for this key, or calls `make`. */
  once(key: string, make: () => Value): Value {
    const known = this.values.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.values.set(key, made);
    return made;
  }
}

export function data(tensor: Tensor): Data {
  const { dims, dtype } = tensor;
  return { kind: 'data', dims, dtype, initializer: null, read: () => tensor };
}

export function initializerData(initializer: Initializer): Data {
  const { dims, dtype } = initializer;
  let read: Tensor | null = null;
  return {
    kind: 'data',
    dims,
    dtype,
    initializer,
    read: () => {
      // Only small tensors are kept: a matrix is read again.
      if (read !== null) return read;
      const tensor = initializer.read();
      if (sizeOf(dims) <= 4096) read = tensor;
      return tensor;
    },
  };
}
