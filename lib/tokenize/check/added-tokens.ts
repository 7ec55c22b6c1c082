/**
 * Added tokens: texts that are searched for before normalizing or after it, each as its flags say.
 *
 * The package ends the process when one token begins inside the white space that another took along, or when normalizing leaves
 * nothing of a token.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { bool, checkFields, type Fields, MAX_TEXT, required } from './fields.js';
import { MAX_TOKENS } from './models.js';
import type { Normalizing } from './normalizers.js';
import { type JsonPlace, utf8Length } from './place.js';

/** Limit of the bytes of all added tokens together: each may become a state of an automaton. */
const MAX_BYTES = 2 ** 20;

const FIELDS: Fields = {
  id: required((value, at) => {
    at.integer(value, 0);
  }),
  content: required((value, at) => {
    at.text(value, MAX_TEXT, 1);
  }),
  single_word: required(bool),
  lstrip: required(bool),
  rstrip: required(bool),
  normalized: required(bool),
  special: required(bool),
};

/** Throws for added tokens that would end the process. `normalizing` is null without a normalizer. */
export function checkAddedTokens(
  value: JsonValue,
  at: JsonPlace,
  normalizing: Normalizing | null,
): void {
  const list = at.list(value, MAX_TOKENS);
  let bytes = 0;
  const tokens = list.map((token, i) => {
    const object = at.at(i).object(token);
    checkFields(object, FIELDS, at.at(i));
    bytes += utf8Length(String(object.content));
    return { object, at: at.at(i) };
  });
  if (bytes > MAX_BYTES) throw at.unsupported(`at most ${MAX_BYTES} bytes of tokens`, bytes);
  for (const normalized of [false, true]) {
    const found = tokens.filter(({ object }) => object.normalized === normalized);
    checkStrips(found, normalized && normalizing !== null);
  }
  if (normalizing === null) return;
  for (const { object, at: place } of tokens) {
    if (object.normalized === true) checkRemains(String(object.content), place, normalizing);
  }
}

interface Token {
  readonly object: JsonObject;
  readonly at: JsonPlace;
}

/**
 * Refuses two cases. A token with rstrip may take along the white space in which another token begins. A token that begins or
 * ends with white space and also strips it looks at the whole run each time. `changed`: normalizing may put white space before
 * any token.
 */
function checkStrips(tokens: readonly Token[], changed: boolean): void {
  const right = tokens.find(({ object }) => object.rstrip === true);
  for (const { object, at } of tokens) {
    const content = String(object.content);
    const spaced = /^\s|\s$/u.test(content);
    if (spaced && (object.lstrip === true || object.rstrip === true)) {
      throw at.error(
        'UNSUPPORTED_MODEL',
        'must not take spaces along (lstrip, rstrip) that it begins or ends with, got both',
      );
    }
    if (right !== undefined && (spaced || (changed && object.lstrip === true))) {
      throw at.error(
        'UNSUPPORTED_MODEL',
        `must not begin in the spaces that ${right.at.path} takes along (rstrip), got one that may`,
      );
    }
  }
}

/** Refuses a token of which normalizing may leave nothing: an empty text is found everywhere. */
function checkRemains(content: string, at: JsonPlace, { deletesPlain }: Normalizing): void {
  if (!deletesPlain && /[!-~]|\p{L}|\p{N}/u.test(content)) return;
  throw at
    .at('content')
    .unsupported('a text that normalizing leaves something of (or normalized false)', content);
}
