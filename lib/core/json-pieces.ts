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

/**
 * Makes the value of a long part from its bytes; null: it is parsed. `key`: its name in the object that it is in; `whole`: the value of the
 * text, in which this part and those after it are not yet.
 */
export type PartReader = (whole: JsonValue, key: string, json: Uint8Array) => JsonValue | null;

/** The value of a JSON text with these long parts; null where it has to be parsed whole, for its value or its error. */
export async function parseInPieces(
  bytes: Uint8Array,
  parts: readonly LongPart[],
  read: PartReader = () => null,
): Promise<JsonValue | null> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const textOf = (begin: number, end: number) => decoder.decode(bytes.subarray(begin, end));
  try {
    let [rest, at] = ['', 0];
    for (const [i, { begin, end }] of parts.entries()) {
      rest += `${textOf(at, begin)}"${STANDS_FOR}${i}"`;
      at = end;
    }
    const whole = { value: JSON.parse(rest + textOf(at, bytes.length)) as JsonValue };
    const places = [...placesIn(whole, parts.length)];
    // A file may have such a text itself, or a key twice.
    if (places.length !== parts.length) return null;
    if (new Set(places.map(({ index }) => index)).size !== parts.length) return null;
    for (const { container, key, index } of places) {
      const part = parts[index] as LongPart;
      const made = read(whole.value, key, bytes.subarray(part.begin, part.end));
      put(container, key, made ?? (await parsePart(part, textOf)));
    }
    return whole.value;
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

interface Place {
  readonly container: Container;
  readonly key: string;
  /** Of the long part that belongs there. */
  readonly index: number;
}

/** Where the texts are that stand for long parts. */
function* placesIn(container: object, parts: number): Generator<Place> {
  for (const [key, value] of Object.entries(container) as [string, JsonValue][]) {
    if (typeof value === 'object' && value !== null) yield* placesIn(value, parts);
    if (typeof value !== 'string' || !value.startsWith(STANDS_FOR)) continue;
    const index = Number(value.slice(STANDS_FOR.length));
    if (Number.isInteger(index) && index >= 0 && index < parts)
      yield { container: container as Container, key, index };
  }
}
