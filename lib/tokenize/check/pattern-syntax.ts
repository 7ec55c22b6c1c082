/**
 * Parses the part of Oniguruma's regular expressions that tokenizers are written in, as a tree.
 *
 * Other syntax (references, calls, conditions, atomic groups, \K, set intersections) is refused, because its cost is not known.
 */

/** One character of a set. */
export interface CharSet {
  readonly kind: 'set';
  /** As it is written. */
  readonly source: string;
  /** Fewest bytes of UTF-8 that a member of the set has. */
  readonly bytes: number;
  /** Whether all members are white space ('only'), or none is ('never'). */
  readonly space: 'only' | 'never' | 'maybe';
}

export type PatternNode =
  | CharSet
  /** An anchor or a look-around: no characters, but it can fail. `inside` is empty for an anchor. */
  | { readonly kind: 'look'; readonly inside: readonly PatternNode[][] }
  | { readonly kind: 'group'; readonly alternatives: readonly PatternNode[][] }
  | {
      readonly kind: 'repeat';
      readonly node: PatternNode;
      readonly min: number;
      readonly max: number;
    };

/** A pattern that can't be parsed or is refused; the message names the construct. */
export class PatternError extends Error {}

const QUANTIFIER = /^(?:([?*+])([?+]?)|\{(\d+)?(,)?(\d+)?\}(\??))/;
const LOOK = /^\(\?(?:<?[=!])/;
const SPACES = 'tnrfv';
/** General categories of which no member is white space. */
const SPACELESS =
  /^(?:[LNPSM][a-z]?|Han|Hiragana|Katakana|Hangul|Latin|Greek|Cyrillic|Arabic|Hebrew|Thai)$/;
const MAX_DEPTH = 8;

/** Throws PatternError. */
export function parsePattern(source: string): PatternNode[][] {
  const reader = new Reader(source);
  const alternatives = reader.alternatives(0);
  if (!reader.done) throw new PatternError('an unmatched )');
  return alternatives;
}

class Reader {
  private rest: string;

  constructor(source: string) {
    this.rest = source;
  }

  get done(): boolean {
    return this.rest === '';
  }

  alternatives(depth: number): PatternNode[][] {
    if (depth > MAX_DEPTH) throw new PatternError('groups this deep');
    const found: PatternNode[][] = [[]];
    while (!this.done && this.rest[0] !== ')') {
      if (this.take('|')) found.push([]);
      else found.at(-1)?.push(this.quantified(depth));
    }
    return found;
  }

  private take(text: string): boolean {
    if (!this.rest.startsWith(text)) return false;
    this.rest = this.rest.slice(text.length);
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    const found = pattern.exec(this.rest);
    if (found !== null) this.rest = this.rest.slice(found[0].length);
    return found;
  }

  private quantified(depth: number): PatternNode {
    const node = this.atom(depth);
    const found = this.rest.startsWith('{,}') ? null : this.match(QUANTIFIER);
    if (found === null) return node;
    const [all, sign, , least, comma, most, lazy] = found;
    if (sign === undefined && least === undefined && most === undefined)
      throw new PatternError('{ as a character');
    // Oniguruma reads {2}? as an optional {2}, and {2}+ as a repetition of it.
    if (lazy === '?' && comma === undefined)
      throw new PatternError(`${all} (a repetition of a repetition)`);
    if (QUANTIFIER.test(this.rest)) throw new PatternError('a repetition of a repetition');
    if (node.kind === 'look') throw new PatternError('a repeated anchor');
    if (sign !== undefined) {
      return {
        kind: 'repeat',
        node,
        min: sign === '+' ? 1 : 0,
        max: sign === '?' ? 1 : Number.POSITIVE_INFINITY,
      };
    }
    const min = Number(least ?? 0);
    const max = most !== undefined ? Number(most) : comma ? Number.POSITIVE_INFINITY : min;
    return { kind: 'repeat', node, min, max };
  }

  private atom(depth: number): PatternNode {
    if (this.rest[0] === '(') return this.group(depth);
    if (this.rest[0] === '[') return this.set();
    if (/^[*+?]/.test(this.rest)) throw new PatternError('a repetition of nothing');
    if (this.match(/^(?:[\^$]|\\[bBAzZ])/) !== null) return { kind: 'look', inside: [] };
    if (this.take('.')) return { kind: 'set', source: '.', bytes: 1, space: 'maybe' };
    return this.character();
  }

  private group(depth: number): PatternNode {
    const look = this.match(LOOK) !== null;
    if (!look && this.match(/^\((?:\?i?:)?(?!\?)/) === null)
      throw new PatternError(`the group ${this.rest.slice(0, 4)}`);
    const alternatives = this.alternatives(depth + 1);
    if (!this.take(')')) throw new PatternError('a group without its end');
    return look ? { kind: 'look', inside: alternatives } : { kind: 'group', alternatives };
  }

  /** A literal or an escape, inside a set or outside. */
  private character(): CharSet {
    const sequence = this.match(
      /^\\(?:[pP]\{\^?[\w ]{1,40}\}|x\{[0-9a-fA-F]{1,6}\}|x[0-7][0-9a-fA-F]|u[0-9a-fA-F]{4}|[^xup])/u,
    );
    if (sequence !== null) return escaped(sequence[0]);
    const literal = this.match(/^[^\\]/u)?.[0];
    if (literal === undefined) throw new PatternError(`the escape ${this.rest.slice(0, 4)}`);
    return {
      kind: 'set',
      source: literal,
      bytes: Buffer.byteLength(literal),
      space: spaceOf(literal),
    };
  }

  private set(depth = 0): CharSet {
    const from = this.rest;
    if (depth > MAX_DEPTH) throw new PatternError('sets this deep');
    this.take('[');
    const negated = this.take('^');
    if (this.rest[0] === ']') throw new PatternError('an empty set');
    const members: CharSet[] = [];
    while (!this.take(']')) {
      if (this.done) throw new PatternError('a set without its end');
      if (this.rest.startsWith('&&')) throw new PatternError('an intersection of sets');
      members.push(this.member(depth));
    }
    const source = from.slice(0, from.length - this.rest.length);
    return { kind: 'set', source, bytes: 1, space: spaceOfSet(members, negated) };
  }

  private member(depth: number): CharSet {
    const posix = this.match(/^\[:\^?[a-z]{1,10}:\]/);
    if (posix !== null) return { kind: 'set', source: posix[0], bytes: 1, space: 'maybe' };
    if (this.rest[0] === '[') return this.set(depth + 1);
    const first = this.character();
    if (!/^-[^\]]/.test(this.rest)) return first;
    this.take('-');
    if (this.rest[0] === '[') throw new PatternError('a range to a set');
    const last = this.character();
    const ends = [first, last].map(({ source }) => source.codePointAt(0) ?? 0);
    const plain = first.source[0] !== '\\' && last.source[0] !== '\\' && (ends[0] as number) > 0x20;
    const spaceless =
      plain &&
      !/\s/u.test(String.fromCodePoint(...ends)) &&
      !hasSpaceBetween(ends[0] as number, ends[1] as number);
    return {
      kind: 'set',
      source: `${first.source}-${last.source}`,
      bytes: 1,
      space: spaceless ? 'never' : 'maybe',
    };
  }
}

/** White space beyond ASCII: next line, no-break space, and so on. */
const HIGH_SPACES = [0x85, 0xa0, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000];

function hasSpaceBetween(first: number, last: number): boolean {
  return HIGH_SPACES.some((space) => space >= first && space <= last);
}

function spaceOf(character: string): CharSet['space'] {
  return /^[\s\u0085]$/u.test(character) ? 'only' : 'never';
}

function spaceOfSet(members: readonly CharSet[], negated: boolean): CharSet['space'] {
  if (negated) return members.some(({ source }) => source === '\\s') ? 'never' : 'maybe';
  if (members.every(({ space }) => space === 'only')) return 'only';
  return members.every(({ space }) => space === 'never') ? 'never' : 'maybe';
}

function escaped(source: string): CharSet {
  const [, letter = ''] = [...source];
  const set = (space: CharSet['space'], bytes = 1): CharSet => ({
    kind: 'set',
    source,
    bytes,
    space,
  });
  if (letter === 's') return set('only');
  if (SPACES.includes(letter)) return set('only');
  if ('SdwhW'.includes(letter)) return set(letter === 'W' ? 'maybe' : 'never');
  if ('DH'.includes(letter)) return set('maybe');
  if (letter === 'p') return set(SPACELESS.test(source.slice(3, -1)) ? 'never' : 'maybe');
  if (letter === 'P' || letter === 'x' || letter === 'u') return set('maybe');
  if (letter === 'a' || letter === 'e' || letter === '0') return set('never');
  if (/[a-zA-Z0-9]/.test(letter)) throw new PatternError(source);
  return set(spaceOf(letter), Buffer.byteLength(letter));
}
