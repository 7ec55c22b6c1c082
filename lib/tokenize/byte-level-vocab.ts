/**
 * A tokenizer.json for byte-level BPE as RoBERTa has it, made from vocab.json and merges.txt when a folder has no
 * tokenizer.json.
 *
 * The result is what the fast RoBERTa tokenizer of transformers would be.
 */

import { SinterError, show } from '../core/errors.js';
import { type JsonObject, parseJsonObject } from '../core/json.js';
import { addedTokens, specialTokens } from './special-tokens.js';
import type { TokenizerSettings } from './tokenizer-settings.js';

const DEFAULTS = {
  bos_token: { content: '<s>' },
  pad_token: { content: '<pad>' },
  eos_token: { content: '</s>' },
  unk_token: { content: '<unk>' },
  cls_token: { content: '<s>' },
  sep_token: { content: '</s>' },
  mask_token: { content: '<mask>', lstrip: true },
} as const;

/** The tokenizer as a JSON value, from the texts of both files. */
export function byteLevelTokenizer(
  vocabulary: string,
  merges: string,
  settings: TokenizerSettings,
  file: string,
): JsonObject {
  const ids = readIds(vocabulary, file);
  const tokens = specialTokens(settings.values, DEFAULTS, ids, file);
  const { cls_token: cls, sep_token: sep } = tokens;
  const add_prefix_space = settings.flag('add_prefix_space', false);
  const trim_offsets = settings.flag('trim_offsets', true);
  const level = { type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(Object.values(tokens)),
    normalizer: null,
    pre_tokenizer: level,
    post_processor: {
      type: 'RobertaProcessing',
      sep: [sep.content, sep.id],
      cls: [cls.content, cls.id],
      trim_offsets,
      add_prefix_space,
    },
    decoder: { ...level, add_prefix_space: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      vocab: Object.fromEntries(ids),
      merges: readMerges(merges, file),
    },
  };
}

function readIds(text: string, file: string): Map<string, number> {
  const ids = new Map<string, number>();
  for (const [token, id] of Object.entries(parseJsonObject(text, file))) {
    if (!Number.isSafeInteger(id) || (id as number) < 0) {
      throw new SinterError(
        'CORRUPT_MODEL',
        `${file}: ${show(token)} must have an id from 0, got ${show(id)}`,
        { details: { file } },
      );
    }
    ids.set(token, id as number);
  }
  return ids;
}

/** One pair per line, the highest priority first; the first line may state a version. */
function readMerges(text: string, file: string): [string, string][] {
  const lines = text.split(/\r\n|\n/);
  if (lines[0]?.startsWith('#version')) lines.shift();
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, i) => {
    const [left, right, ...more] = line.split(' ');
    if (left && right && more.length === 0) return [left, right];
    throw new SinterError(
      'CORRUPT_MODEL',
      `${file}: merge ${i} of merges.txt must be two tokens, got ${show(line)}`,
      { details: { file } },
    );
  });
}
