/**
 * A long JSON text parsed in pieces, so that others get their turn between them: a vocabulary of 30,000 words takes 10 ms at once.
 *
 * Long lists and objects are cut at their own commas and parsed piece by piece; the rest of the text is parsed with a text in
 * place of each. The rule: what comes of it is what JSON.parse gives, or nothing.
 */

import type { JsonValue } from './json.js';
import { Turn } from './turns.js';

/** A list or an object that is long and has none that is long inside, by the places of its bytes. */
export interface LongPart {
  /** Of the bracket that opens it. */
  readonly begin: number;
  /** Behind the bracket that closes it. */
  readonly end: number;
  /** Of commas between its values, some thousand bytes apart. */
  readonly cuts: readonly number[];
}

type Container = Record<string, JsonValue> | JsonValue[];

/** The value of a JSON text with these long parts; null where it has to be parsed whole, for its value or its error. */
export async function parseInPieces(
  bytes: Uint8Array,
  parts: readonly LongPart[],
): Promise<JsonValue | null> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const textOf = (begin: number, end: number) => decoder.decode(bytes.subarray(begin, end));
  try {
    const values: Container[] = [];
    for (const part of parts) values.push(await parsePart(part, textOf));
    let [rest, at] = ['', 0];
    for (const [i, { begin, end }] of parts.entries()) {
      rest += `${textOf(at, begin)}"${STANDS_FOR}${i}"`;
      at = end;
    }
    const whole = { value: JSON.parse(rest + textOf(at, bytes.length)) as JsonValue };
    const counts = values.map(() => 0);
    place(whole, values, counts);
    // A file may have such a text itself, or a key twice.
    return counts.every((count) => count === 1) ? whole.value : null;
  } catch {
    return null;
  }
}

const STANDS_FOR = 'a long part of this file: ';

async function parsePart(
  { begin, end, cuts }: LongPart,
  textOf: (begin: number, end: number) => string,
): Promise<Container> {
  const [open, close] = [textOf(begin, begin + 1), textOf(end - 1, end)];
  const turn = new Turn();
  let all: Container | null = null;
  let from = begin + 1;
  for (const to of [...cuts, end - 1]) {
    if (turn.isOver) await turn.end();
    const piece = JSON.parse(`${open}${textOf(from, to)}${close}`) as Container;
    const keys = Object.keys(piece);
    if (keys.length === 0) throw new SyntaxError('a comma too many');
    from = to + 1;
    if (all === null) all = piece;
    else if (Array.isArray(all)) for (const value of piece as JsonValue[]) all.push(value);
    else for (const key of keys) put(all, key, (piece as typeof all)[key]);
  }
  return all ?? [];
}

/** As JSON.parse does it: a key of this name is one like others. */
function put(object: Container, key: string, value: JsonValue | undefined): void {
  if (key === '__proto__') {
    const own = { value, enumerable: true, configurable: true, writable: true };
    Object.defineProperty(object, key, own);
  } else {
    (object as Record<string, JsonValue | undefined>)[key] = value;
  }
}

/** Puts the long parts in their places in `container`, and counts how often each was. */
function place(container: object, values: readonly Container[], counts: number[]): void {
  for (const [key, value] of Object.entries(container) as [string, JsonValue][]) {
    if (typeof value === 'object' && value !== null) place(value, values, counts);
    if (typeof value !== 'string' || !value.startsWith(STANDS_FOR)) continue;
    const index = Number(value.slice(STANDS_FOR.length));
    if (values[index] === undefined) continue;
    counts[index] = (counts[index] ?? 0) + 1;
    put(container as Container, key, values[index]);
  }
}
