/**
 * Looks through the bytes of a JSON text before it is parsed, for what the parser would take without a word: brackets nested so
 * deep that parsing blocks the process, and keys that an object has twice.
 *
 * The rule: the syntax is not checked here, and an invalid text must do no harm. The parser finds it.
 */

/** The bodies of our routes have at most 4 levels. */
export const MAX_BODY_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
/** Strings up to this length are scanned by a loop, longer ones by a native search. */
const SHORT_BYTES = 64;

/** What is wrong with a body, in words; null if nothing is. No text of the body is repeated. */
export function scanJson(bytes: Uint8Array): string | null {
  /** The keys of each open object; null for a list. */
  const open: (Set<string> | null)[] = [];
  let isInObject = false;
  let isKeyNext = false;
  let at = 0;
  while (at < bytes.length) {
    const byte = bytes[at++];
    if (byte === QUOTE) {
      const end = endOfText(bytes, at);
      if (isKeyNext && isRepeated(open.at(-1), bytes.subarray(at, end - 1))) {
        return `must give every field of an object once, got one again at byte ${at - 1}`;
      }
      isKeyNext = false;
      at = end;
    } else if (byte === COMMA) {
      isKeyNext = isInObject;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) {
      open.push(byte === OPEN_OBJECT ? new Set() : null);
      isInObject = byte === OPEN_OBJECT;
      isKeyNext = isInObject;
      if (open.length > MAX_BODY_DEPTH) {
        return `must have at most ${MAX_BODY_DEPTH} lists and objects inside each other`;
      }
    } else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
      open.pop();
      isInObject = (open.at(-1) ?? null) !== null;
      isKeyNext = false;
    }
  }
  return null;
}

/** Behind the quote that ends the string whose first byte is at `from`. */
function endOfText(bytes: Uint8Array, from: number): number {
  const near = Math.min(bytes.length, from + SHORT_BYTES);
  let at = from;
  for (; at < near; at++) {
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] === BACKSLASH) at++;
  }
  for (let quote = bytes.indexOf(QUOTE, at); quote >= 0; quote = bytes.indexOf(QUOTE, quote + 1)) {
    let escapes = quote;
    while (escapes > from && bytes[escapes - 1] === BACKSLASH) escapes -= 1;
    if ((quote - escapes) % 2 === 0) return quote + 1;
  }
  return bytes.length;
}

function isRepeated(keys: Set<string> | null | undefined, raw: Uint8Array): boolean {
  if (!keys) return false;
  const key = keyOf(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('utf8'));
  if (keys.has(key)) return true;
  keys.add(key);
  return false;
}

/** A key without its escapes. One that is wrong stays as it is. */
function keyOf(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}
