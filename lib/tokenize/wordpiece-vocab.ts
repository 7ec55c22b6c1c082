/**
 * A tokenizer.json for BERT WordPiece, made from vocab.txt and tokenizer_config.json when a folder
 * has no tokenizer.json.
 *
 * The result is what the fast BERT tokenizer of transformers would be: the same normalisation,
 * splitting and template.
 */

import type { JsonObject } from '../core/json.js';
import { checkLineCount } from './check/lines.js';
import { MAX_TOKENS } from './check/models.js';
import { addedTokens, specialTokens, template } from './special-tokens.js';
import type { TokenizerSettings } from './tokenizer-settings.js';

export const BERT_TOKENS = {
  pad_token: { content: '[PAD]' },
  unk_token: { content: '[UNK]' },
  cls_token: { content: '[CLS]' },
  sep_token: { content: '[SEP]' },
  mask_token: { content: '[MASK]' },
} as const;

/** MPNet has BERT's vocabulary and RoBERTa's special tokens. */
const MPNET_TOKENS = {
  pad_token: { content: '<pad>' },
  unk_token: { content: '[UNK]' },
  cls_token: { content: '<s>' },
  sep_token: { content: '</s>' },
  mask_token: { content: '<mask>', lstrip: true },
} as const;

/**
 * The tokenizer as a JSON value. `vocabulary` is the text of vocab.txt: one token a line, its id
 * the line number; `kind` is the class of the tokenizer.
 */
export function wordPieceTokenizer(
  vocabulary: string,
  settings: TokenizerSettings,
  kind: string | null,
  file: string,
): JsonObject {
  checkLineCount(vocabulary, MAX_TOKENS, file);
  const lines = vocabulary.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  const ids = new Map(lines.map((token, id) => [token, id]));
  const mpnet = kind === 'MPNetTokenizer';
  const tokens = specialTokens(settings.values, mpnet ? MPNET_TOKENS : BERT_TOKENS, ids, file);
  const { cls_token: cls, sep_token: sep } = tokens;
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(Object.values(tokens)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: settings.flag('tokenize_chinese_chars', true),
      strip_accents: settings.flag('strip_accents', null),
      lowercase: settings.flag('do_lower_case', true),
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(cls, sep, { separators: mpnet ? 2 : 1, secondSegment: 1 }),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: tokens.unk_token.content,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}
