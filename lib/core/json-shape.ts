/**
 * Counts the values and the depth of a JSON text before it is parsed: 100 MB of "[[[[" would become gigabytes of objects.
 *
 * The rule: the syntax is not checked here. An invalid text is found by the parser.
 */

import { setImmediate } from 'node:timers/promises';
import { MAX_JSON_DEPTH, MAX_JSON_VALUES } from './limits.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Texts up to this length are not counted: they are harmless at any depth. */
const SMALL_TEXT_UNITS = 2 ** 20;
/** Strings up to this length are scanned by a loop, longer ones by a native search. */
const SHORT_BYTES = 64;
/** Bytes scanned before the event loop gets its turn: about 5 ms. */
const SLICE_BYTES = 2 ** 20;

/** Number of values and depth of the part of a JSON text that has been scanned. */
class JsonShape {
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
    while (at < end) {
      const byte = bytes[at++];
      if (byte === QUOTE) at = this.endOfText(at);
      else if (byte === 0x2c) values += 1;
      else if (byte === 0x7b || byte === 0x5b) {
        values += 1;
        depth += 1;
        if (depth > this.deepest) this.deepest = depth;
      } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
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

  /** Index just after the closing quote of the string whose content begins at `from`. */
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
): Promise<void> {
  const shape = new JsonShape(bytes);
  for (let isMore = true; isMore; ) {
    isMore = shape.advance();
    const excess = shape.excess(maxValues);
    if (excess !== null) throw problem(excess, shape.isTooDeep);
    if (isMore) await setImmediate();
  }
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
