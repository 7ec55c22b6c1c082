/**
 * Rotated vectors: x[i] cos(a) - y[i] sin(a) and y[i] cos(a) + x[i] sin(a), told from the numbers that a graph multiplies by.
 *
 * The angle of position p and pair i must be p * theta^(-2i / dimensions) for one theta; anything else is no rotary embedding.
 * Which columns make a pair is read from the graph (halves or neighbours): the columns are listed as halves.
 */

import type { Rotary } from '../../../../graph/types.js';
import { coefficientAt, type Form, indexOf, sameBasis, sizeOf, type Term } from './form.js';

/** Largest difference of a cosine or sine from what theta says: f32 tables of long positions are no better. */
const TOLERANCE = 2e-3;
/** As near to an integer, theta is that integer. */
const ROUND = 1e-3;

/** Where the elements of a vector lie in a form. */
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
  /** Columns of vector v, halves first. */
  readonly columns: (vector: number) => number[];
}

interface Part {
  readonly element: number;
  readonly coefficient: number;
}

/** How element k of every vector comes about. */
interface Pairing {
  /** Elements k of the first halves, in the order of falling angles; their partners; the rest. */
  readonly firsts: readonly number[];
  readonly seconds: readonly number[];
  readonly rest: readonly number[];
}

/** The vectors of a form whose terms all read one value; null when they are not rotated by angles of one theta. */
export function rotatedVectors(
  input: Form,
  { count, length, at }: Geometry,
  isValid: (row: number) => boolean,
  positionOf: (row: number) => number,
): RotatedVectors | null {
  const [first] = input.terms;
  if (first?.basis.kind !== 'rows') return null;
  if (!input.terms.every((term) => sameBasis(term.basis, first.basis))) return null;
  const { width } = first.basis.value;
  const partsAt = partsOf(input);
  const row = new Int32Array(count).fill(-1);
  const start: number[] = [];
  const later: number[] = [];
  for (let v = 0; v < count; v++) {
    const [some] = partsAt(at(v, 0));
    if (some === undefined) continue;
    const token = Math.floor(some.element / width);
    if (!isValid(token)) continue;
    row[v] = token;
    if (positionOf(token) === 0) start.push(v);
    if (positionOf(token) === 1) later.push(v);
  }
  // At position 0 nothing is turned: element k is its own column there.
  const mains = new Map<number, number[]>();
  let scale = 1;
  const columnsAtStart = (v: number): number[] | null => {
    const columns: number[] = [];
    for (let k = 0; k < length; k++) {
      const parts = partsAt(at(v, k));
      const [part] = parts;
      if (part === undefined || parts.length !== 1) return null;
      scale = part.coefficient;
      columns.push(part.element % width);
    }
    return columns;
  };
  const [one] = later;
  if (one === undefined || start.length === 0) return null;
  const known: number[][] = [];
  for (const v of start) {
    const columns = columnsAtStart(v);
    if (columns === null) return null;
    known.push(columns);
  }
  const find = (v: number): number[] | null => {
    const seen = new Set<number>();
    for (let k = 0; k < length; k++) {
      for (const { element } of partsAt(at(v, k))) seen.add(element % width);
    }
    return known.find((columns) => columns.every((c) => seen.has(c))) ?? null;
  };
  const pairing = pairsOf(one, find(one), { count, length, at }, partsAt, width);
  const theta = pairing && thetaOf(one, pairing, at, partsAt, find(one), width, scale);
  if (pairing === null || theta === null) return null;
  const dimensions = 2 * pairing.firsts.length;
  const order = [...pairing.firsts, ...pairing.seconds, ...pairing.rest];
  for (let v = 0; v < count; v++) {
    const token = row[v] ?? -1;
    if (token < 0) continue;
    const columns = find(v);
    if (columns === null) return null;
    mains.set(v, columns);
    const position = positionOf(token);
    for (const [i, k] of pairing.firsts.entries()) {
      const angle = position * theta ** ((-2 * i) / dimensions);
      const partner = pairing.seconds[i] ?? 0;
      const expected = [
        [k, columns[k], Math.cos(angle)],
        [k, columns[partner], -Math.sin(angle)],
        [partner, columns[partner], Math.cos(angle)],
        [partner, columns[k], Math.sin(angle)],
      ] as const;
      for (const [element, column, wanted] of expected) {
        const parts = partsAt(at(v, element));
        const got = parts.find((p) => p.element === token * width + (column ?? 0));
        if (Math.abs((got?.coefficient ?? 0) / scale - wanted) > TOLERANCE) return null;
        if (parts.length > 2) return null;
      }
    }
    for (const k of pairing.rest) {
      const [part, more] = partsAt(at(v, k));
      if (more !== undefined || part?.coefficient !== scale) return null;
    }
  }
  const columns = (v: number) => order.map((k) => mains.get(v)?.[k] ?? 0);
  return { rotary: { theta, dimensions }, scale, row, columns };
}

/** The terms of one element that are not zero; those of the same element are added. */
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

/** Pairs from a vector at position 1, where every angle is above 0. */
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
    // Only the first of a pair subtracts its partner.
    if (other.coefficient > 0) continue;
    const partner = columns.indexOf(other.element % width);
    if (partner < 0) return null;
    firsts.push(k);
    seconds.push(partner);
  }
  const whole = firsts.length > 0 && 2 * firsts.length + rest.length === length;
  return whole ? { firsts, seconds, rest } : null;
}

function thetaOf(
  v: number,
  { firsts, seconds }: Pairing,
  at: (vector: number, k: number) => number,
  partsAt: (e: number) => Part[],
  columns: readonly number[] | null,
  width: number,
  scale: number,
): number | null {
  const last = firsts.length - 1;
  if (last === 0) return 10000;
  const second = seconds[last] ?? 0;
  const sine = partsAt(at(v, second)).find(
    ({ element }) => element % width === columns?.[firsts[last] ?? 0],
  );
  if (sine === undefined) return null;
  const angle = Math.asin(Math.min(1, sine.coefficient / scale));
  if (!(angle > 0)) return null;
  const theta = angle ** (-(last + 1) / last);
  const whole = Math.round(theta);
  return Math.abs(theta - whole) <= ROUND * theta ? whole : theta;
}
