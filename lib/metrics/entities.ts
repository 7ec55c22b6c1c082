/**
 * Scores of tagged words by whole entities, as seqeval's default mode and conlleval count them, or with a scheme as its strict
 * mode does.
 *
 * The rule: an entity is right if its type, first word and last word are. An `I-` tag begins an entity if the tag before it
 * does not fit; with a scheme it is none.
 */
import { rangeMistake } from '../core/errors.js';
import { averageScores, type Counts, checkZeroDivision, type Scores, scoresOf } from './counts.js';
import { strictEntitiesOf, TAG_SCHEMES, type TagScheme } from './entity-schemes.js';
import { checkColumns, compareCodePoints } from './labels.js';

/** Tags of the words of one text: `O`, `B-PER`, `I-PER` ... */
export type Tags = readonly string[];

export interface EntitySpan {
  readonly type: string;
  /** Indices of its first and its last word. */
  readonly first: number;
  readonly last: number;
}

/** Splits a tag into prefix and type; a tag without a prefix counts as `I`. */
export function splitTag(tag: string): { readonly prefix: string; readonly type: string } {
  const match = /^([BIESLU])-(.*)$/s.exec(tag);
  if (match !== null) return { prefix: match[1] ?? 'I', type: match[2] ?? '' };
  return tag === 'O' ? { prefix: 'O', type: '' } : { prefix: 'I', type: tag };
}

/**
 * The entities of one text, in order. `scheme`: by its rules, where tags that do not fit together are no entity; RangeError for
 * a tag that it does not have. Left out: any of the schemes, with every tag of a type in some entity.
 */
export function entitiesOf(tags: Tags, scheme?: TagScheme): EntitySpan[] {
  if (scheme !== undefined) return strictEntitiesOf(tags, scheme);
  const spans: EntitySpan[] = [];
  let open: { type: string; first: number } | null = null;
  for (const [i, tag] of [...tags, 'O'].entries()) {
    const { prefix, type } = splitTag(tag);
    const goes = open !== null && (prefix === 'I' || prefix === 'E' || prefix === 'L');
    if (open !== null && !(goes && open.type === type)) {
      spans.push({ ...open, last: i - 1 });
      open = null;
    }
    if (prefix !== 'O') open ??= { type, first: i };
    // S and U are a whole entity of one word; E and L are the last word of one.
    if (open !== null && 'SUEL'.includes(prefix)) {
      spans.push({ ...open, last: i });
      open = null;
    }
  }
  return spans;
}

export interface EntityScores {
  /** Over all entities together. */
  readonly micro: Scores;
  /** Means over the types: plain, and by support. NaN without any entity. */
  readonly macro: Scores;
  readonly weighted: Scores;
  /** Per type, in code point order. */
  readonly types: Readonly<Record<string, Scores & { readonly support: number }>>;
  /** Share of single tags that are equal. */
  readonly tagAccuracy: number;
}

/**
 * Compares tag sequences, [texts][words]. `scheme`: by its rules, as seqeval with mode "strict". Throws RangeError if their shapes
 * differ, if there is no text, or for a tag that the scheme does not have.
 */
export function entityScores(
  truth: readonly Tags[],
  predicted: readonly Tags[],
  options: { readonly zeroDivision?: number; readonly scheme?: TagScheme } = {},
): EntityScores {
  checkColumns(truth, predicted);
  const { zeroDivision = 0, scheme } = options;
  checkZeroDivision(zeroDivision);
  if (scheme !== undefined && !TAG_SCHEMES.includes(scheme)) {
    throw rangeMistake('scheme', `one of ${TAG_SCHEMES.join(', ')}`, scheme);
  }
  const counts = new Map<string, Counts>();
  const count = (type: string, key: keyof Counts) => {
    const one = counts.get(type) ?? { truePositive: 0, predicted: 0, actual: 0 };
    one[key] += 1;
    counts.set(type, one);
  };
  let [tags, same] = [0, 0];
  for (const [i, expected] of truth.entries()) {
    const found = predicted[i] ?? [];
    if (expected.length > 0) checkColumns(expected, found);
    tags += expected.length;
    same += expected.filter((tag, j) => tag === found[j]).length;
    const keyOf = ({ type, first, last }: EntitySpan) => `${first} ${last} ${type}`;
    const right = new Set(entitiesOf(expected, scheme).map(keyOf));
    for (const { type } of entitiesOf(expected, scheme)) count(type, 'actual');
    for (const span of entitiesOf(found, scheme)) {
      count(span.type, 'predicted');
      if (right.has(keyOf(span))) count(span.type, 'truePositive');
    }
  }
  const types = [...counts.keys()].sort(compareCodePoints).map((type) => {
    const one = counts.get(type) as Counts;
    return [type, { ...scoresOf(one, zeroDivision), support: one.actual }];
  });
  return {
    micro: averageScores([...counts.values()], 'micro', zeroDivision),
    macro: averageScores([...counts.values()], 'macro', zeroDivision),
    weighted: averageScores([...counts.values()], 'weighted', zeroDivision),
    types: Object.fromEntries(types),
    tagAccuracy: tags === 0 ? zeroDivision : same / tags,
  };
}
