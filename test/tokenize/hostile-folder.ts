/**
 * Tokenizer files for the tests of hostile ones: small sound ones, changed by the test.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadTokenizer, type TextTokenizer } from '../../lib/tokenize/text-tokenizer.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

export type Json = Record<string, unknown>;

/** An added token without flags. */
export function added(content: string, flags: Json = {}): Json {
  const none = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return { id: 9, content, ...none, special: false, ...flags };
}

/** WordLevel with the words "a" and "b", and `parts` beside or instead. */
export function small(parts: Json = {}): Json {
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'WordLevel', unk_token: '[UNK]', vocab: { '[UNK]': 0, a: 1, b: 2 } },
    ...parts,
  };
}

/** Loads files, given by name as a text or a JSON value. */
export async function load(files: Record<string, unknown>): Promise<TextTokenizer> {
  const folder = await temporaryFolder();
  for (const [name, value] of Object.entries(files)) {
    await writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return loadTokenizer(folder);
}

export const loadJson = (tokenizer: Json): Promise<TextTokenizer> =>
  load({ 'tokenizer.json': tokenizer });
