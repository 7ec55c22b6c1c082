/**
 * Decides whether a regular expression of a tokenizer runs in linear time on every text.
 *
 * The package's engine backtracks, and ends the process after ten million steps at one place. So an unbounded repetition may
 * repeat only a single character, and nothing after it may fail. White space is excepted where a last alternative \s+ takes the
 * run.
 */

import type { JsonValue } from '../../core/json.js';
import { type CharSet, PatternError, type PatternNode, parsePattern } from './pattern-syntax.js';
import type { JsonPlace } from './place.js';
import { utf8Length } from './place.js';

export interface Pattern {
  /** Fewest bytes that it matches, at least 1. */
  readonly bytes: number;
  /** Whether every match is white space alone. */
  readonly spaceOnly: boolean;
  /** Whether its backtracking steps at one place can grow with the text. */
  readonly stepsBack: boolean;
  /** The text that a literal pattern stands for; null for a regular expression. */
  readonly literal: string | null;
}

const MAX_SOURCE = 4096;
const MAX_LITERAL = 256;
/** Most repetitions that a bounded quantifier may have. */
const MAX_REPEAT = 100;
/** Ways in which one alternative, and all of them together, may be tried at one place; unbounded repetitions count once. */
const MAX_WAYS = 100;
const MAX_ALL_WAYS = 1000;
/** Most characters of the pattern with its repetitions written out. */
const MAX_SIZE = 10_000;

/**
 * Published patterns that are linear for a reason that the check can't see: in o200k, one alternative takes the run that another
 * leaves.
 */
const PUBLISHED: ReadonlySet<string> = new Set([
  [
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    '\\p{N}{1,3}',
    ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*',
    '\\s*[\\r\\n]+',
    '\\s+(?!\\S)',
    '\\s+',
  ].join('|'),
]);

/** Reads `{"String": text}` or `{"Regex": source}`. Throws UNSUPPORTED_MODEL for a pattern without a bound. */
export function checkPattern(value: JsonValue | undefined, at: JsonPlace): Pattern {
  const object = at.object(value);
  const [kind, ...more] = Object.keys(object);
  if (more.length > 0 || (kind !== 'String' && kind !== 'Regex')) {
    throw at.corrupt('{"String": text} or {"Regex": text}', value);
  }
  if (kind === 'String') {
    const literal = at.at(kind).text(object.String, MAX_LITERAL, 1);
    return {
      bytes: utf8Length(literal),
      spaceOnly: /^\s+$/u.test(literal),
      stepsBack: false,
      literal,
    };
  }
  const source = at.at(kind).text(object.Regex, MAX_SOURCE, 1);
  if (PUBLISHED.has(source)) return { bytes: 1, spaceOnly: false, stepsBack: true, literal: null };
  try {
    return judge(parsePattern(source));
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw at
      .at(kind)
      .error(
        'UNSUPPORTED_MODEL',
        `must be a pattern that is known to take linear time, got one with ${error.message}`,
      );
  }
}

function judge(parsed: readonly PatternNode[][]): Pattern {
  const alternatives = unwrapped(parsed);
  if (costOf(alternatives).size > MAX_SIZE) throw new PatternError('repetitions this long');
  let all = 0;
  for (const sequence of alternatives) {
    const { ways } = costOf([sequence]);
    if (ways > MAX_WAYS) throw new PatternError('this many ways to match');
    all += ways;
  }
  if (all > MAX_ALL_WAYS) throw new PatternError('this many alternatives');
  const bytes = Math.min(...alternatives.map(leastBytes));
  if (bytes === 0) throw new PatternError('a match of nothing');
  return {
    bytes,
    spaceOnly: alternatives.every(isSpaceOnly),
    stepsBack: checkRuns(alternatives),
    literal: null,
  };
}

/** The alternatives inside a pattern that is a single group. */
function unwrapped(alternatives: readonly PatternNode[][]): readonly PatternNode[][] {
  const [[only, ...more] = [], ...others] = alternatives;
  if (only?.kind !== 'group' || more.length > 0 || others.length > 0) return alternatives;
  return unwrapped(only.alternatives);
}

/** In how many ways the alternatives may be tried at one place, and their length with repetitions written out. */
function costOf(alternatives: readonly PatternNode[][]): { ways: number; size: number } {
  let ways = 0;
  let size = 0;
  for (const sequence of alternatives) {
    let product = 1;
    for (const node of sequence) {
      const one = costOfNode(node);
      product *= one.ways;
      size += one.size;
    }
    ways += product;
  }
  return { ways, size: size + 1 };
}

function costOfNode(node: PatternNode): { ways: number; size: number } {
  if (node.kind === 'set') return { ways: 1, size: 1 };
  if (node.kind === 'group') return costOf(node.alternatives);
  if (node.kind === 'look') return costOf(node.inside.length === 0 ? [[]] : node.inside);
  const { min, max, node: inner } = node;
  const endless = max === Number.POSITIVE_INFINITY;
  if (min > MAX_REPEAT || (!endless && (max > MAX_REPEAT || max < min))) {
    throw new PatternError(`repetitions of more than ${MAX_REPEAT}`);
  }
  const one = costOfNode(inner);
  if (endless) {
    if (inner.kind !== 'set') throw new PatternError('an unbounded repetition of a group');
    return { ways: 1, size: min + 1 };
  }
  let ways = 0;
  for (let times = min; times <= max; times++) ways += one.ways ** times;
  return { ways, size: one.size * Math.max(1, max) };
}

function leastBytes(sequence: readonly PatternNode[]): number {
  const of = (node: PatternNode): number => {
    if (node.kind === 'set') return node.bytes;
    if (node.kind === 'look') return 0;
    if (node.kind === 'group') return Math.min(...node.alternatives.map(leastBytes));
    return node.min * of(node.node);
  };
  return sequence.reduce((sum, node) => sum + of(node), 0);
}

function isSpaceOnly(sequence: readonly PatternNode[]): boolean {
  const test = (node: PatternNode): boolean => {
    if (node.kind === 'set') return node.space === 'only';
    if (node.kind === 'look') return true;
    return node.kind === 'group' ? node.alternatives.every(isSpaceOnly) : test(node.node);
  };
  return sequence.every(test);
}

/** Whether a node can fail where it is tried. */
function canFail(node: PatternNode): boolean {
  if (node.kind === 'repeat') return node.min > 0 && canFail(node.node);
  if (node.kind !== 'group') return true;
  return node.alternatives.every((sequence) => sequence.some(canFail));
}

/** The character sets of those unbounded repetitions that a failure after them can make backtrack. */
function runsOf(sequence: readonly PatternNode[], failsAfter: boolean): CharSet[] {
  const runs: CharSet[] = [];
  let fails = failsAfter;
  for (const node of sequence.toReversed()) {
    if (node.kind === 'look') {
      const inside = node.inside.flatMap((inner) => endless(inner));
      if (inside.length > 0) throw new PatternError('an unbounded repetition in a look-around');
    } else if (node.kind === 'group') {
      for (const inner of node.alternatives) runs.push(...runsOf(inner, fails));
    } else if (node.kind === 'repeat' && node.node.kind === 'group') {
      for (const inner of node.node.alternatives)
        runs.push(...runsOf(inner, fails || node.max > 1));
    } else if (node.kind === 'repeat' && fails && node.max === Number.POSITIVE_INFINITY) {
      runs.push(node.node as CharSet);
    }
    fails ||= canFail(node);
  }
  return runs;
}

function endless(sequence: readonly PatternNode[]): PatternNode[] {
  return sequence.flatMap((node) => {
    if (node.kind === 'repeat') {
      return node.max === Number.POSITIVE_INFINITY ? [node] : endless([node.node]);
    }
    if (node.kind === 'set') return [];
    return (node.kind === 'group' ? node.alternatives : node.inside).flatMap((inner) =>
      endless(inner),
    );
  });
}

/** Whether some runs backtrack; throws when one could be tried again and again. */
function checkRuns(alternatives: readonly PatternNode[][]): boolean {
  const stepping = alternatives.map((sequence) => runsOf(sequence, false));
  if (stepping.every((runs) => runs.length === 0)) return false;
  if (stepping.some((runs) => runs.length > 1 || runs.some(({ space }) => space !== 'only'))) {
    throw new PatternError('an unbounded repetition before what may fail');
  }
  const last = alternatives.at(-1) ?? [];
  const [run] = last;
  const takes =
    last.length === 1 &&
    run?.kind === 'repeat' &&
    run.node.kind === 'set' &&
    run.node.source === '\\s';
  const rest = alternatives.slice(0, -1).filter((_, i) => stepping[i]?.length === 0);
  if (!takes || run.max !== Number.POSITIVE_INFINITY || rest.some(mayBeSpace)) {
    throw new PatternError(
      'an unbounded repetition before what may fail, and no last alternative \\s+ that takes it',
    );
  }
  return true;
}

/** Whether a sequence has a match that is white space alone. */
function mayBeSpace(sequence: readonly PatternNode[]): boolean {
  const test = (node: PatternNode): boolean => {
    if (node.kind === 'set') return node.space !== 'never';
    if (node.kind === 'look') return true;
    if (node.kind === 'group') return node.alternatives.some(mayBeSpace);
    return node.min === 0 || test(node.node);
  };
  return sequence.every(test);
}
