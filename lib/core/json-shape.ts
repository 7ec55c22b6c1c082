/**
 * Counts the values and the depth of a JSON text before it is parsed: 100 MB of "[[[[" would become gigabytes of objects.
 *
 * The rule: the syntax is not checked here. An invalid text is found by the parser.
 */

import { setImmediate } from 'node:timers/promises';
import type { LongPart } from './json-pieces.js';
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from './limits.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Texts up to this length are not counted: they are harmless at any depth. */
const SMALL_TEXT_UNITS = 2 ** 20;
/** Strings up to this length are scanned by a loop, longer ones by a native search. */
const SHORT_BYTES = 64;
/** Bytes looked at before others get their turn: about a millisecond, 3 in code that runs for the first time. */
const SLICE_BYTES = 2 ** 18;
/** Bytes of a list or an object that are parsed at once: about a millisecond. */
const PIECE_BYTES = 2 ** 15;

/** A list or an object that is open. */
interface OpenPart {
  begin: number;
  cuts: number[];
  /** Where the piece begins that the next comma may end. */
  from: number;
  /** Another long part is inside. */
  isOuter: boolean;
}

/** Number of values and depth of the part of a JSON text that has been scanned. */
class JsonShape {
  /** In order. */
  readonly long: LongPart[] = [];
  /** By depth; 0 is the text itself. */
  private readonly open: OpenPart[] = [{ begin: 0, cuts: [], from: 0, isOuter: false }];
  private depth = 0;
  private deepest = 0;
  private values = 1;
  /** Index of the next byte to scan; never inside a string. */
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** Scans the next SLICE_BYTES, and on to the end of a string that they cut. Returns false at the end of the text. */
  advance(): boolean {
    const { bytes } = this;
    const end = Math.min(bytes.length, this.at + SLICE_BYTES);
    let { at, depth, values } = this;
    let from = this.open[depth]?.from ?? at;
    while (at < end) {
      const byte = bytes[at++];
      if (byte === QUOTE) at = this.endOfText(at);
      else if (byte === 0x2c) {
        values += 1;
        if (at - from > PIECE_BYTES) from = this.cut(depth, at - 1);
      } else if (byte === 0x7b || byte === 0x5b) {
        values += 1;
        depth += 1;
        if (depth > this.deepest) this.deepest = depth;
        this.begin(depth, at - 1);
        from = at;
      } else if (byte === 0x7d || byte === 0x5d) {
        from = this.close(depth, at);
        depth -= 1;
      }
    }
    this.at = at;
    this.depth = depth;
    this.values = values;
    return at < bytes.length;
  }

  get isTooDeep(): boolean {
    return this.deepest > MAX_JSON_DEPTH;
  }

  /** The limit that the scanned part exceeds, in words; null if it exceeds none. */
  excess(maxValues: number): string | null {
    if (this.isTooDeep) {
      return `must have at most ${MAX_JSON_DEPTH} lists and objects inside each other`;
    }
    return this.values > maxValues ? `must have at most ${maxValues} values` : null;
  }

  private begin(depth: number, begin: number): void {
    const part = this.open[depth];
    // Most are short: what one leaves is used again.
    if (part === undefined) {
      this.open[Math.max(0, depth)] = { begin, cuts: [], from: begin + 1, isOuter: false };
      return;
    }
    part.begin = begin;
    part.from = begin + 1;
    part.isOuter = false;
    if (part.cuts.length > 0) part.cuts = [];
  }

  /** A piece of the innermost part ends at a comma; gives where the next one begins. */
  private cut(depth: number, comma: number): number {
    const part = this.open[depth];
    if (part === undefined) return comma;
    part.cuts.push(comma);
    part.from = comma + 1;
    return part.from;
  }

  /** The innermost part ends; gives where the current piece of the one around it began. */
  private close(depth: number, end: number): number {
    const [part, outer] = [this.open[depth], this.open[depth - 1]];
    if (part === undefined || outer === undefined) return end;
    const isLong = part.cuts.length > 0;
    if (isLong && !part.isOuter) this.long.push({ begin: part.begin, end, cuts: part.cuts });
    outer.isOuter ||= isLong || part.isOuter;
    return outer.from;
  }

  /** Behind the quote that ends the text which begins at `from`. */
  private endOfText(from: number): number {
    const { bytes } = this;
    // Most strings are short: this loop ends them in less time than one call of `indexOf` takes.
    for (let at = from; at < from + SHORT_BYTES; at++) {
      if (bytes[at] === QUOTE) return at + 1;
      if (bytes[at] === BACKSLASH) at++;
    }
    for (let quote = bytes.indexOf(QUOTE, from); quote >= 0; ) {
      let escapes = quote;
      while (escapes > from && bytes[escapes - 1] === BACKSLASH) escapes -= 1;
      if ((quote - escapes) % 2 === 0) return quote + 1;
      quote = bytes.indexOf(QUOTE, quote + 1);
    }
    return bytes.length;
  }
}

/** Throws the error of `problem` if the JSON has too many values or levels. The event loop turns between slices. */
export async function checkJsonShape(
  bytes: Uint8Array,
  maxValues: number,
  problem: (what: string, isTooDeep: boolean) => Error,
): Promise<readonly LongPart[]> {
  const shape = new JsonShape(bytes);
  for (let isMore = true; isMore; ) {
    isMore = shape.advance();
    const excess = shape.excess(maxValues);
    if (excess !== null) throw problem(excess, shape.isTooDeep);
    if (isMore) await setImmediate();
  }
  return shape.long;
}

/**
 * The limit of values or depth that a JSON text exceeds, in words; null if it exceeds none. `text` must be of bounded
 * length, because the event loop waits.
 */
export function excessOfJson(text: string): string | null {
  if (text.length <= SMALL_TEXT_UNITS) return null;
  const shape = new JsonShape(Buffer.from(text));
  while (shape.advance()) if (shape.excess(MAX_JSON_VALUES) !== null) break;
  return shape.excess(MAX_JSON_VALUES);
}
