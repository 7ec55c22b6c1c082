/**
 * Recovers rotary embeddings: x[i] cos(a) - y[i] sin(a) and y[i] cos(a) + x[i] sin(a), from the coefficients of a form.
 *
 * The angle of position p and pair i must be p * theta^(-2i / dimensions) for one theta; otherwise it is no rotary embedding.
 * The graph shows which columns make a pair (halves or neighbours); the result lists columns as halves.
 */

import type { Rotary } from '../../../../graph/types.js';
import { coefficientAt, type Form, indexOf, sameBasis, sizeOf, type Term } from './form.js';

/** Largest difference between a coefficient and its cosine or sine: f32 tables of long positions are no better. */
const TOLERANCE = 2e-3;
/** Relative distance within which a theta is taken for a usual one. */
const ROUND = 1e-3;
/** Tolerance for 16-bit files, whose angles are rounded. */
const HALF_TOLERANCE = 0.05;
const USUAL = [10000, 1000, 160000, 500000, 1000000];

/** Position of the elements of vectors in a form. */
export interface Geometry {
  readonly count: number;
  readonly length: number;
  readonly at: (vector: number, k: number) => number;
}

export interface RotatedVectors {
  readonly rotary: Rotary;
  readonly scale: number;
  /** Row of the value per vector; -1: padding. */
  readonly row: Int32Array;
  /** Columns of vector v: first halves of pairs, second halves, the rest. */
  readonly columns: (vector: number) => number[];
}

interface Part {
  readonly element: number;
  readonly coefficient: number;
}

/** The elements of a vector that form pairs, the same for all vectors. */
interface Pairing {
  /**
   * `firsts`: the first halves of pairs, by falling angle; `seconds`: their partners; `rest`: elements that are not rotated.
   */
  readonly firsts: readonly number[];
  readonly seconds: readonly number[];
  readonly rest: readonly number[];
}

/** The vectors of a form whose terms all read one value; null when they are not rotated by the angles of one theta. */
export function rotatedVectors(
  input: Form,
  geometry: Geometry,
  rows: { readonly isValid: (row: number) => boolean; readonly position: (row: number) => number },
  half: boolean,
): RotatedVectors | null {
  const [first] = input.terms;
  if (first?.basis.kind !== 'rows') return null;
  if (!input.terms.every((term) => sameBasis(term.basis, first.basis))) return null;
  return new Fit(input, geometry, rows, first.basis.value.width, half).run();
}

class Fit {
  private readonly partsAt: (e: number) => Part[];
  private readonly row: Int32Array;
  private scale = 1;
  /** Columns of each head, from its vectors at position 0, where all angles are 0. */
  private readonly heads: number[][] = [];

  constructor(
    input: Form,
    private readonly geometry: Geometry,
    private readonly rows: Parameters<typeof rotatedVectors>[2],
    private readonly width: number,
    private readonly half: boolean,
  ) {
    this.partsAt = partsOf(input);
    this.row = new Int32Array(geometry.count).fill(-1);
  }

  run(): RotatedVectors | null {
    const one = this.readPlaces();
    if (one === null) return null;
    const own = this.columnsOf(one);
    const pairing = pairsOf(one, own, this.geometry, this.partsAt, this.width);
    if (pairing === null) return null;
    const columns = new Map<number, number[]>();
    for (const [v, token] of this.row.entries()) {
      const found = token < 0 ? null : this.columnsOf(v);
      if (token >= 0 && found === null) return null;
      if (found !== null) columns.set(v, found);
    }
    const dimensions = 2 * pairing.firsts.length;
    const order = [...pairing.firsts, ...pairing.seconds, ...pairing.rest];
    const theta = this.thetas(one, own, pairing).find((wanted) =>
      [...columns].every(([v, list]) => this.explains(v, list, pairing, wanted)),
    );
    if (theta === undefined) return null;
    return {
      rotary: { theta, dimensions },
      scale: this.scale,
      row: this.row,
      columns: (v) => order.map((k) => columns.get(v)?.[k] ?? 0),
    };
  }

  /** Fills `row` and `heads`. Returns a vector at position 1, or null when there is none. */
  private readPlaces(): number | null {
    const { count, at, length } = this.geometry;
    let one: number | null = null;
    for (let v = 0; v < count; v++) {
      const [some] = this.partsAt(at(v, 0));
      const token = some === undefined ? -1 : Math.floor(some.element / this.width);
      if (token < 0 || !this.rows.isValid(token)) continue;
      this.row[v] = token;
      const position = this.rows.position(token);
      if (position === 1) one ??= v;
      if (position !== 0) continue;
      const columns: number[] = [];
      for (let k = 0; k < length; k++) {
        const [part, more] = this.partsAt(at(v, k));
        if (part === undefined || more !== undefined) return null;
        this.scale = part.coefficient;
        columns.push(part.element % this.width);
      }
      this.heads.push(columns);
    }
    return one;
  }

  /** The columns of the head that vector v belongs to. */
  private columnsOf(v: number): number[] | null {
    const seen = new Set<number>();
    for (let k = 0; k < this.geometry.length; k++) {
      for (const { element } of this.partsAt(this.geometry.at(v, k))) {
        seen.add(element % this.width);
      }
    }
    return this.heads.find((columns) => columns.every((c) => seen.has(c))) ?? null;
  }

  /** Candidates for theta, from the smallest angle at position 1. */
  private thetas(one: number, own: readonly number[] | null, pairing: Pairing): number[] {
    const { firsts, seconds } = pairing;
    const last = firsts.length - 1;
    if (last === 0) return [10000];
    const second = seconds[last] ?? 0;
    const column = own?.[firsts[last] ?? 0];
    const parts = this.partsAt(this.geometry.at(one, second));
    const sine = parts.find(({ element }) => element % this.width === column)?.coefficient ?? 0;
    const theta = Math.asin(Math.min(1, sine / this.scale)) ** (-(last + 1) / last);
    const whole = Math.round(theta);
    const near = USUAL.filter((usual) => Math.abs(usual / theta - 1) < (this.half ? 0.02 : ROUND));
    return Number.isFinite(theta) ? [...near, ...(whole > 1 ? [whole] : []), theta] : [];
  }

  /** Whether the angles of this theta explain all elements of vector v. */
  private explains(v: number, columns: readonly number[], pairing: Pairing, theta: number) {
    const { at } = this.geometry;
    const token = this.row[v] ?? 0;
    const position = this.rows.position(token);
    const dimensions = 2 * pairing.firsts.length;
    const tolerance = this.half ? HALF_TOLERANCE : TOLERANCE;
    const coefficient = (k: number, column: number | undefined) => {
      const element = token * this.width + (column ?? 0);
      const part = this.partsAt(at(v, k)).find((found) => found.element === element);
      return (part?.coefficient ?? 0) / this.scale;
    };
    return (
      pairing.firsts.every((k, i) => {
        const angle = position * theta ** ((-2 * i) / dimensions);
        const partner = pairing.seconds[i] ?? 0;
        const expected = [
          [k, columns[k], Math.cos(angle)],
          [k, columns[partner], -Math.sin(angle)],
          [partner, columns[partner], Math.cos(angle)],
          [partner, columns[k], Math.sin(angle)],
        ] as const;
        return expected.every(
          ([element, column, wanted]) =>
            Math.abs(coefficient(element, column) - wanted) <= tolerance &&
            this.partsAt(at(v, element)).length <= 2,
        );
      }) &&
      pairing.rest.every((k) => {
        const [part, more] = this.partsAt(at(v, k));
        return more === undefined && part?.coefficient === this.scale;
      })
    );
  }
}

/** Returns a function that gives the non-zero terms of an element; terms with the same element of the basis are added. */
function partsOf(input: Form): (e: number) => Part[] {
  const size = sizeOf(input.dims);
  const terms = input.terms.map((term: Term) => ({ term, index: indexOf(term, size) }));
  return (e) => {
    const parts: Part[] = [];
    for (const { term, index } of terms) {
      const coefficient = coefficientAt(term, e);
      if (coefficient === 0) continue;
      const element = index[e] ?? 0;
      const same = parts.findIndex((part) => part.element === element);
      const old = parts[same];
      if (old === undefined) parts.push({ element, coefficient });
      else parts[same] = { element, coefficient: old.coefficient + coefficient };
    }
    return parts;
  };
}

/** Finds the pairs from a vector at position 1, where every angle is above 0. */
function pairsOf(
  v: number,
  columns: readonly number[] | null,
  { length, at }: Geometry,
  partsAt: (e: number) => Part[],
  width: number,
): Pairing | null {
  if (columns === null) return null;
  const [firsts, seconds, rest]: [number[], number[], number[]] = [[], [], []];
  for (let k = 0; k < length; k++) {
    const other = partsAt(at(v, k)).find(({ element }) => element % width !== columns[k]);
    if (other === undefined) {
      rest.push(k);
      continue;
    }
    // Only the first half of a pair subtracts its partner, so this is a second half.
    if (other.coefficient > 0) continue;
    const partner = columns.indexOf(other.element % width);
    if (partner < 0) return null;
    firsts.push(k);
    seconds.push(partner);
  }
  const whole = firsts.length > 0 && 2 * firsts.length + rest.length === length;
  return whole ? { firsts, seconds, rest } : null;
}
