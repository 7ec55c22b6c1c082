/**
 * Gives the values of a JSON object or array as their texts in the file, because JSON.parse rounds numbers.
 *
 * The rule: the text has been parsed before, so nothing is checked again here.
 */
import { endOfString } from '../core/json.js';

const QUOTE = 0x22;

/** Texts of an object's values by key, or of an array's by index. Of equal keys the last counts, as in JSON.parse. */
export function valueTexts(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let at = skipSpaces(text, 0);
  const isObject = text[at] === '{';
  for (let index = 0; ; index++) {
    at = skipSpaces(text, at + 1);
    if (text[at] === '}' || text[at] === ']' || at >= text.length) return values;
    let key = String(index);
    if (isObject) {
      const end = endOfString(text, at);
      key = JSON.parse(text.slice(at, end + 1)) as string;
      at = skipSpaces(text, skipSpaces(text, end + 1) + 1);
    }
    const end = endOfValue(text, at);
    values.set(key, text.slice(at, end).trimEnd());
    at = end;
    if (text[at] !== ',') return values;
  }
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** Index of the comma or bracket after the value that begins at `from`. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) at = endOfString(text, at);
    else if (char === 0x7b || char === 0x5b) depth += 1;
    else if (char === 0x7d || char === 0x5d) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (char === 0x2c && depth === 0) return at;
  }
  return text.length;
}
