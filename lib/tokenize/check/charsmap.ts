/**
 * The character map of a Precompiled normalizer (sentencepiece's): a trie in a double array, and the replacement texts that its
 * leaves point to.
 *
 * The package follows its offsets without checking them, so the check below walks every step that a text can cause.
 */

import type { JsonValue } from '../../core/json.js';
import type { JsonPlace } from './place.js';

/** Longest charsmap, in characters of base64; sentencepiece's own have 320,000. */
const MAX_CHARS = 4_000_000;
/** Largest byte of UTF-8. */
const LAST_BYTE = 0xf4;

export interface Charsmap {
  /** How many times longer the map can make a text. */
  readonly growth: number;
  /** How many times longer the map can make an ASCII text. */
  readonly plainGrowth: number;
  /** Whether the map deletes a letter, a digit or a sign of ASCII. */
  readonly deletesPlain: boolean;
}

export function checkCharsmap(value: JsonValue | undefined, at: JsonPlace): Charsmap {
  const encoded = at.text(value, MAX_CHARS);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) throw at.corrupt('base64', encoded);
  const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
  const units = Math.floor(size / 4);
  if (units === 0 || 4 + 4 * units > bytes.length) {
    throw at.corrupt(`a trie of ${size} bytes and its texts`, `${bytes.length} bytes`);
  }
  const trie = new Uint32Array(units).map((_, i) => bytes.readUInt32LE(4 + 4 * i));
  return walk(trie, new Texts(bytes.subarray(4 + 4 * units), at), at);
}

/** The replacement texts, each ended by a zero byte, looked up by where they begin. */
class Texts {
  private readonly bytes: Uint8Array;
  private readonly ends: Int32Array;
  private readonly at: JsonPlace;

  constructor(bytes: Uint8Array, at: JsonPlace) {
    try {
      new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      throw at.corrupt('texts in UTF-8 after the trie', `${bytes.length} bytes`);
    }
    this.bytes = bytes;
    this.at = at;
    this.ends = new Int32Array(bytes.length + 1).fill(bytes.length);
    for (let i = bytes.length - 1; i >= 0; i--)
      this.ends[i] = bytes[i] === 0 ? i : (this.ends[i + 1] as number);
  }

  /** Length in bytes of the text at `begin`. */
  lengthAt(begin: number): number {
    const end = this.ends[begin];
    const middle = ((this.bytes[begin] ?? 0) & 0xc0) === 0x80;
    if (end === undefined || middle) {
      throw this.at.corrupt(`a trie that leads to texts from 0 to ${this.bytes.length}`, begin);
    }
    return end - begin;
  }
}

const hasLeaf = (unit: number): boolean => ((unit >>> 8) & 1) === 1;
const labelOf = (unit: number): number => (unit & 0x800000ff) >>> 0;
const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);

/** Walks the trie breadth first, so that each node is met by its shortest key. */
function walk(trie: Uint32Array, texts: Texts, at: JsonPlace): Charsmap {
  const unitAt = (index: number): number => {
    const unit = trie[index];
    if (unit === undefined)
      throw at.corrupt(`a trie that leads to units below ${trie.length}`, index);
    return unit;
  };
  const seen = new Uint8Array(trie.length);
  let growth = 1;
  let plainGrowth = 1;
  let deletesPlain = false;
  let bases = [offsetOf(unitAt(0))];
  for (let length = 1; bases.length > 0; length++) {
    const next: number[] = [];
    for (const base of bases) {
      for (let byte = 1; byte <= LAST_BYTE; byte++) {
        const index = base ^ byte;
        const unit = unitAt(index);
        if (labelOf(unit) !== byte) continue;
        const child = index ^ offsetOf(unit);
        if (hasLeaf(unit)) {
          const found = texts.lengthAt(unitAt(child) & 0x7fffffff);
          growth = Math.max(growth, found / length);
          if (length === 1 && byte < 0x80) plainGrowth = Math.max(plainGrowth, found);
          deletesPlain ||= found === 0 && length === 1 && byte > 0x20 && byte < 0x7f;
        }
        if (seen[index] === 1) continue;
        seen[index] = 1;
        next.push(child);
      }
    }
    bases = next;
  }
  return { growth, plainGrowth, deletesPlain };
}
