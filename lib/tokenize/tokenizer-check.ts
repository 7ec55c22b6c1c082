/**
 * Checks of a tokenizer.json that the `tokenizers` package leaves out.
 *
 * What it does not check itself ends in a panic on its worker thread, and that ends the process; so
 * every such file must be refused before it is given to the package.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

type Fail = (what: string) => SinterError;

/** Throws CORRUPT_MODEL naming `file` and the key. */
export function checkTokenizer(tokenizer: JsonObject, file: string): void {
  const fail: Fail = (what) =>
    new SinterError('CORRUPT_MODEL', `${file}: ${what}`, { details: { file } });
  checkProcessor(tokenizer.post_processor, 'post_processor', fail);
}

function checkProcessor(value: JsonValue | undefined, where: string, fail: Fail): void {
  if (!isJsonObject(value)) return;
  if (Array.isArray(value.processors)) {
    for (const [i, part] of value.processors.entries()) {
      checkProcessor(part as JsonValue, `${where}.processors[${i}]`, fail);
    }
  }
  // The package takes a processor of unknown type for a template when it looks like one.
  const known = isJsonObject(value.special_tokens) ? value.special_tokens : {};
  for (const [name, token] of Object.entries(known))
    checkSpecial(token, `${where} ${show(name)}`, fail);
  for (const key of ['single', 'pair']) {
    const pieces = value[key];
    for (const piece of Array.isArray(pieces) ? (pieces as readonly JsonValue[]) : []) {
      const special = isJsonObject(piece) ? piece.SpecialToken : undefined;
      const id = isJsonObject(special) ? special.id : undefined;
      if (id === undefined) continue;
      if (typeof id !== 'string' || !Object.hasOwn(known, id)) {
        throw fail(`${where}.${key} names the special token ${show(id)}, which is not defined`);
      }
    }
  }
}

function checkSpecial(token: JsonValue, where: string, fail: Fail): void {
  if (!isJsonObject(token)) return;
  const { ids, tokens } = token;
  if (Array.isArray(ids) && Array.isArray(tokens) && ids.length !== tokens.length) {
    throw fail(`${where} must have as many ids as tokens, got ${ids.length} and ${tokens.length}`);
  }
}
