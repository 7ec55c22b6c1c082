/**
 * Parts of tokenizer files, for the tables of hostile ones.
 */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Json } from './hostile-folder.js';

/** A name for the case, the parts of `small` that it changes, and the expected message. */
export type HostileCase = readonly [what: string, parts: Json, message: RegExp];

export const charsmap = readFileSync(
  fileURLToPath(new URL('../fixtures/tokenizer/charsmap.txt', import.meta.url)),
  'utf8',
).trim();

export const replace = (text: string, content: string): Json => ({
  type: 'Replace',
  pattern: { String: text },
  content,
});
export const chain = (...normalizers: readonly Json[]): Json => ({
  normalizer: { type: 'Sequence', normalizers },
});
export const precompiled = (map: unknown): Json => ({
  normalizer: { type: 'Precompiled', precompiled_charsmap: map },
});
export const piece = (id: string): Json => ({ Sequence: { id, type_id: 0 } });
export const special = (id: string): Json => ({ SpecialToken: { id, type_id: 0 } });
export const template = (parts: Json): Json => ({
  type: 'TemplateProcessing',
  single: [piece('A')],
  pair: [piece('A'), piece('B')],
  special_tokens: { x: { id: 'x', ids: [1], tokens: ['a'] } },
  ...parts,
});
export const bert: Json = { type: 'BertProcessing', sep: ['a', 1], cls: ['b', 2] };
export const bpe = (parts: Json): Json => ({
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']], ...parts },
});
export const unigram = (parts: Json): Json => ({
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['u', 0],
      ['a', -1],
    ],
    ...parts,
  },
});
export const wordPiece = (parts: Json): Json => ({
  model: {
    type: 'WordPiece',
    unk_token: 'u',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: 100,
    vocab: { u: 0 },
    ...parts,
  },
});
export const trie = (...units: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 + 4 * units.length);
  bytes.writeUInt32LE(4 * units.length, 0);
  for (const [i, unit] of units.entries()) bytes.writeUInt32LE(unit, 4 + 4 * i);
  return bytes;
};
/** Every byte leads on: 256 units whose label is their index, with a leaf in unit 0. */
export const wide = (leaf: number): Buffer =>
  trie(leaf, ...Array.from({ length: 255 }, (_, i) => (i + 1) | 0x100 | ((i + 1) << 10)));
