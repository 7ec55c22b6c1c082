/**
 * Checks post-processors, which put special tokens around a text or a pair.
 *
 * The package ends the process over a template that names an unknown token, or that comes after another one.
 */

import { show } from '../../core/errors.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import { CheckBudget, type Component, checkComponent } from './components.js';
import { anything, bool, checkFields, MAX_TEXT, required, tokenAndId } from './fields.js';
import type { JsonPlace } from './place.js';
import { BYTE_LEVEL } from './pre-tokenizers.js';

/** Special tokens that a template may add to a sequence, and that its table may list. */
const MAX_ADDED = 64;
const MAX_KNOWN = 1024;

class Processing extends CheckBudget {
  /** Place of the component that adds special tokens. */
  adds: JsonPlace | null = null;
}

const PROCESSORS: Readonly<Record<string, Component<Processing>>> = {
  BertProcessing: {
    fields: { sep: required(tokenAndId), cls: required(tokenAndId) },
    check: adding,
  },
  RobertaProcessing: {
    fields: {
      sep: required(tokenAndId),
      cls: required(tokenAndId),
      trim_offsets: required(bool),
      add_prefix_space: required(bool),
    },
    check: adding,
  },
  ByteLevel: { fields: BYTE_LEVEL, check: trimming },
  TemplateProcessing: {
    fields: {
      single: required(anything),
      pair: required(anything),
      special_tokens: required(anything),
    },
    check: template,
  },
  Sequence: { fields: { processors: required(anything) }, parts: 'processors' },
};

export function checkProcessor(value: JsonValue, at: JsonPlace): void {
  checkComponent(value, at, { table: PROCESSORS, budget: new Processing() });
}

function adding(_: JsonObject, at: JsonPlace, budget: Processing): void {
  if (budget.adds !== null) {
    throw at.error(
      'UNSUPPORTED_MODEL',
      `must be the only one that adds special tokens, got one after ${budget.adds.path}`,
    );
  }
  budget.adds = at;
}

/** Refuses a processor after the one that adds special tokens: the package would count each of them as a text of its own. */
function trimming(_: JsonObject, at: JsonPlace, budget: Processing): void {
  if (budget.adds === null) return;
  throw at.error(
    'UNSUPPORTED_MODEL',
    `must come before what adds special tokens, got one after ${budget.adds.path}`,
  );
}

function template(object: JsonObject, at: JsonPlace, budget: Processing): void {
  adding(object, at, budget);
  const known = knownTokens(object.special_tokens, at.at('special_tokens'));
  checkPieces(object.single, at.at('single'), { known, sequences: ['A'] });
  checkPieces(object.pair, at.at('pair'), { known, sequences: ['A', 'B'] });
}

/** How many ids each special token of the table has. */
function knownTokens(value: JsonValue | undefined, at: JsonPlace): ReadonlyMap<string, number> {
  const entries = Object.entries(at.object(value));
  if (entries.length > MAX_KNOWN)
    throw at.unsupported(`at most ${MAX_KNOWN} tokens`, entries.length);
  return new Map(
    entries.map(([name, token]) => {
      const place = at.at(name);
      return [name, idsOf(place.object(token), place)];
    }),
  );
}

function idsOf(token: JsonObject, at: JsonPlace): number {
  const { ids, tokens } = token;
  checkFields(
    token,
    {
      id: required((id, place) => place.text(id, MAX_TEXT)),
      ids: required(anything),
      tokens: required(anything),
    },
    at,
  );
  const numbers = at.at('ids').list(ids, MAX_ADDED);
  for (const [i, id] of numbers.entries()) at.at('ids').at(i).integer(id, 0);
  const texts = at.at('tokens').list(tokens, MAX_ADDED);
  for (const [i, one] of texts.entries()) at.at('tokens').at(i).text(one, MAX_TEXT);
  if (numbers.length === texts.length) return numbers.length;
  throw at.error(
    'CORRUPT_MODEL',
    `must have as many ids as tokens, got ${numbers.length} and ${texts.length}`,
  );
}

interface Pieces {
  readonly known: ReadonlyMap<string, number>;
  /** Texts of the sequence, each of which must be in the template exactly once. */
  readonly sequences: readonly string[];
}

function checkPieces(
  value: JsonValue | undefined,
  at: JsonPlace,
  { known, sequences }: Pieces,
): void {
  const found: string[] = [];
  let added = 0;
  for (const [i, piece] of at.list(value, MAX_ADDED).entries()) {
    const object = at.at(i).object(piece);
    const [kind, ...more] = Object.keys(object);
    if (more.length > 0 || (kind !== 'SpecialToken' && kind !== 'Sequence')) {
      throw at.at(i).corrupt('{"SpecialToken": …} or {"Sequence": …}', piece);
    }
    const place = at.at(i).at(kind);
    const inner = place.object(object[kind]);
    checkFields(inner, { id: required(anything), type_id: required(typeId) }, place);
    const { id } = inner;
    if (kind === 'Sequence') found.push(String(id));
    else {
      const ids = typeof id === 'string' ? known.get(id) : undefined;
      if (ids === undefined)
        throw at.error(
          'CORRUPT_MODEL',
          `names the special token ${show(id)}, which is not defined`,
        );
      added += ids;
    }
  }
  if (added > MAX_ADDED)
    throw at.unsupported(`a template with at most ${MAX_ADDED} special tokens`, added);
  if (found.toSorted().join() === sequences.join()) return;
  throw at.corrupt(
    `a template with ${sequences.join(' and ')}, once each`,
    found.join(', ') || 'none',
  );
}

function typeId(value: JsonValue, at: JsonPlace): void {
  at.integer(value, 0);
}
