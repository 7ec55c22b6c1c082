/**
 * The state of one walk over a plain graph with one probe: values by name, and what could not be explained.
 *
 * Numbers that do not depend on the texts' meaning (shapes, masks, positions) are evaluated; activations are forms.
 */

import type { Initializer, OnnxNode, Tensor } from '../model.js';
import type { DraftNode, RowKind, Value } from './draft.js';
import type { Form } from './form.js';
import { sizeOf } from './form.js';
import { Memo } from './memo.js';
import type { Probe } from './probe.js';

/** Numbers that the walk knows; read when somebody needs them. */
export interface Data {
  readonly kind: 'data';
  readonly dims: readonly number[];
  readonly dtype: Tensor['dtype'];
  /** The initializer that it is, unchanged. */
  readonly initializer: Initializer | null;
  readonly read: () => Tensor;
}

export type Known = Data | Form;

/** Why a node was not understood; the walk lists it and goes on. */
export class Unexplained extends Error {}

/** Sizes that contradict each other: a damaged file, not an unknown model. */
export class Misfit extends Unexplained {}

export interface Problem {
  readonly node: OnnxNode;
  readonly reason: string;
  readonly damaged: boolean;
}

/** What a walk is started with. */
type Given = Pick<Walk, 'probe' | 'half' | 'hasSegments' | 'compute'>;

export class Walk {
  readonly probe: Probe;
  /** The file's numbers were rounded to 16 bits: so are scales, epsilons and angles. */
  readonly half: boolean;
  /** One of the graph's inputs is that of segments. */
  readonly hasSegments: boolean;
  /** Evaluates one node on numbers. */
  readonly compute: (node: OnnxNode, inputs: readonly (Tensor | null)[]) => Tensor[];
  readonly problems: Problem[] = [];
  readonly notes = new Set<string>();
  /** Largest position + 1 that the tables have, and what bounds it. */
  maxTokens: number | null = null;
  /** Rows of the table that ids index. */
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

  /** The value that was made under this key before, else a new one. */
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
      // Only small ones are kept: a matrix is read again.
      if (read !== null) return read;
      const tensor = initializer.read();
      if (sizeOf(dims) <= 4096) read = tensor;
      return tensor;
    },
  };
}
