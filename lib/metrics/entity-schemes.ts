/**
 * Entities of tagged words by the rules of a scheme, as seqeval's strict mode finds them: tags that do not fit together are no
 * entity.
 *
 * The rule: the tags of a text are those of its scheme; any other is a RangeError.
 */
import { rangeMistake } from '../core/errors.js';
import type { EntitySpan } from './entities.js';

/**
 * How tags mark entities. `IOB2` (BIO): B begins each. `IOB1`: B only where an entity follows another one of its type. `IOBES`
 * (BIOES): B and E at the ends, S for one word. `BILOU`: the same with L and U.
 */
export const TAG_SCHEMES = ['IOB1', 'IOB2', 'IOBES', 'BILOU'] as const;
export type TagScheme = (typeof TAG_SCHEMES)[number];

interface Tag {
  readonly prefix: string;
  readonly type: string;
}

interface SchemeRules {
  readonly prefixes: string;
  begins(before: Tag, tag: Tag): boolean;
  goesOn(before: Tag, tag: Tag): boolean;
  /** Whether an entity may end between these two tags. */
  ends(last: Tag, next: Tag): boolean;
}

const OUTSIDE: Tag = { prefix: 'O', type: '' };
const same = (a: Tag, b: Tag) => a.type === b.type;
const isIn = (tag: Tag, prefixes: string) => prefixes.includes(tag.prefix);

/** B and `last` at the ends, `single` for one word. */
function bracketed(last: string, single: string): SchemeRules {
  return {
    prefixes: `BIO${last}${single}`,
    begins: (_, tag) => isIn(tag, `B${single}`),
    goesOn: (before, tag) => isIn(before, 'BI') && isIn(tag, `I${last}`) && same(before, tag),
    ends: (end) => isIn(end, `${last}${single}`),
  };
}

const goesOnWithI = (before: Tag, tag: Tag) =>
  isIn(before, 'BI') && tag.prefix === 'I' && same(before, tag);

const RULES: Readonly<Record<TagScheme, SchemeRules>> = {
  IOB1: {
    prefixes: 'IOB',
    begins: (before, tag) => {
      if (tag.prefix === 'B') return isIn(before, 'BI') && same(before, tag);
      if (tag.prefix !== 'I') return false;
      return before.prefix !== 'I' || !same(before, tag);
    },
    goesOn: goesOnWithI,
    // B before a B of another type separates nothing.
    ends: (last, next) => !(last.prefix === 'B' && next.prefix === 'B' && !same(last, next)),
  },
  IOB2: {
    prefixes: 'IOB',
    begins: (_, tag) => tag.prefix === 'B',
    goesOn: goesOnWithI,
    ends: () => true,
  },
  IOBES: bracketed('E', 'S'),
  BILOU: bracketed('L', 'U'),
};

/** The entities of one text, in order. RangeError for a tag that the scheme does not have. */
export function strictEntitiesOf(tags: readonly string[], scheme: TagScheme): EntitySpan[] {
  const rules = RULES[scheme];
  const all = [...tags.map((tag) => parsed(tag, scheme, rules.prefixes)), OUTSIDE];
  const at = (i: number) => all[i] ?? OUTSIDE;
  const spans: EntitySpan[] = [];
  for (let i = 0; i < tags.length; ) {
    if (!rules.begins(at(i - 1), at(i))) {
      i += 1;
      continue;
    }
    let next = i + 1;
    while (next < tags.length && rules.goesOn(at(next - 1), at(next))) next += 1;
    if (rules.ends(at(next - 1), at(next))) {
      spans.push({ type: at(i).type, first: i, last: next - 1 });
    }
    i = next;
  }
  return spans;
}

function parsed(tag: string, scheme: TagScheme, prefixes: string): Tag {
  if (tag === 'O') return OUTSIDE;
  const [prefix = '', dash] = tag;
  if (dash === '-' && prefixes.includes(prefix) && prefix !== 'O') {
    return { prefix, type: tag.slice(2) };
  }
  const marked = [...prefixes].filter((one) => one !== 'O').map((one) => `${one}-...`);
  throw rangeMistake('tags', `O, ${marked.join(', ')} in the scheme ${scheme}`, tag);
}
