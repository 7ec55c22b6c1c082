/**
 * Names recovered weights after their place in the model, and finds weights that are shared.
 *
 * These names are for models that no family fits; the names of a family replace them.
 */

import { type Matrix, operandsOf, type Value, type Vector } from './draft.js';

/** Base names of the weights of values. */
export function placesOf(values: readonly Value[], hidden: Value): ReadonlyMap<Value, string> {
  const places = new Map<Value, string>();
  const counts = new Map<string, number>();
  const numbered = (base: string) => {
    const count = counts.get(base) ?? 0;
    counts.set(base, count + 1);
    return count === 0 ? base : `${base}_${count + 1}`;
  };
  const factors = firstFactors(values);
  const place = (value: Value, base: string) => {
    const [first] = operandsOf(value.node);
    const isPair = first !== undefined && factors.has(first) && value.node.op === 'linear';
    if (isPair) places.set(first, `${base}.low_rank_a`);
    places.set(value, isPair ? `${base}.low_rank_b` : base);
  };
  let layer = -1;
  for (const value of values) {
    const { node } = value;
    const part = value.id > hidden.id ? 'head' : layer < 0 ? 'embeddings' : `layers.${layer}`;
    if (node.op === 'attention') {
      layer++;
      place(node.query, `layers.${layer}.attention.query`);
      place(node.key, `layers.${layer}.attention.key`);
      place(node.value, `layers.${layer}.attention.value`);
      const { keys, queries } = node.disentangled ?? {};
      if (keys) place(keys, `layers.${layer}.attention.position_key`);
      if (queries) place(queries, `layers.${layer}.attention.position_query`);
    } else if (node.op === 'linear' && !factors.has(value)) {
      const read = factors.has(node.input) ? operandsOf(node.input.node)[0] : node.input;
      const attended = read?.node.op === 'attention';
      place(value, numbered(attended ? `${part}.attention.output` : `${part}.dense`));
    } else if (node.op === 'norm') place(value, numbered(`${part}.norm`));
    else if (node.op === 'parameter') place(value, numbered(`${part}.table`));
  }
  return places;
}

/** The first of two products in a row, without a bias and read by the second one alone: a product of low rank. */
function firstFactors(values: readonly Value[]): ReadonlySet<Value> {
  const readers = new Map<Value, Value[]>();
  for (const value of values)
    for (const read of operandsOf(value.node))
      readers.set(read, [...(readers.get(read) ?? []), value]);
  const isFactor = (value: Value) => {
    const [reader, ...others] = readers.get(value) ?? [];
    const isPlain = value.node.op === 'linear' && value.node.bias === null;
    return isPlain && others.length === 0 && reader?.node.op === 'linear';
  };
  return new Set(values.filter(isFactor));
}

export class Names {
  private readonly places: ReadonlyMap<Value, string>;
  private readonly sameMatrix: (a: Matrix, b: Matrix) => boolean;
  private readonly matrices: { readonly name: string; readonly matrix: Matrix }[] = [];
  private readonly vectors: {
    readonly name: string;
    readonly owner: string;
    readonly vector: Vector;
  }[] = [];
  private readonly taken = new Set<string>();

  constructor(places: ReadonlyMap<Value, string>, sameMatrix: (a: Matrix, b: Matrix) => boolean) {
    this.places = places;
    this.sameMatrix = sameMatrix;
  }

  of(value: Value): string {
    return this.places.get(value) ?? `value_${value.id}`;
  }

  /** Name of the fused weight of several products, given the first of them. */
  together(first: Value): string {
    const name = this.of(first);
    return name.endsWith('.query') ? name.replace(/query$/, 'qkv') : name;
  }

  /** Owner of a norm's vectors: the weight of the product whose result the norm normalises. */
  owner(input: Value): string {
    const { node } = input;
    if (node.op === 'linear') return this.matrix(node.matrix, `${this.of(input)}.weight`);
    if (node.op === 'activation') return this.owner(node.input);
    if (node.op !== 'add') return `value ${input.id}`;
    return this.owner(node.left.id > node.right.id ? node.left : node.right);
  }

  /** Whether two values are products with the same weight. */
  sameProduct(a: Value, b: Value): boolean {
    if (a.node.op !== 'linear' || b.node.op !== 'linear') return false;
    return this.sameMatrix(a.node.matrix, b.node.matrix);
  }

  /** Name of the weight with these numbers: that of an equal earlier matrix, otherwise `wish` or a free variant of it. */
  matrix(matrix: Matrix, wish: string): string {
    const known = this.matrices.find((entry) => this.sameMatrix(entry.matrix, matrix));
    if (known !== undefined) return known.name;
    const name = this.free(wish);
    this.matrices.push({ name, matrix });
    return name;
  }

  /** As `matrix`, for vectors. Vectors are shared only between uses with the same owner and equal numbers. */
  vector(vector: Vector, owner: string, wish: string): string {
    const known = this.vectors.find(
      (entry) => entry.owner === owner && sameNumbers(entry.vector.values, vector.values),
    );
    if (known !== undefined) return known.name;
    const name = this.free(wish);
    this.vectors.push({ name, owner, vector });
    return name;
  }

  /** Base name of a norm's weights: that of an earlier norm with the same owner and numbers, or a new one. */
  norm(weight: Vector, bias: Vector | null, owner: string, wish: string): string {
    const values = bias === null ? weight.values : joined(weight.values, bias.values);
    const whole = this.vector({ values, source: '' }, owner, `${wish}.weight`);
    return whole.replace(/\.weight$/, '');
  }

  private free(wish: string): string {
    let name = wish;
    for (let i = 2; this.taken.has(name); i++) name = wish.replace(/(\.\w+)?$/, `_${i}$1`);
    this.taken.add(name);
    return name;
  }
}

function sameNumbers(a: Float32Array, b: Float32Array): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i]);
}

function joined(a: Float32Array, b: Float32Array): Float32Array {
  const both = new Float32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
