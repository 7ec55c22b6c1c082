/**
 * A tokenizer.json for BERT WordPiece, made from vocab.txt and tokenizer_config.json when a folder
 * has no tokenizer.json.
 *
 * The result is what the fast BERT tokenizer of transformers would be: the same normalisation,
 * splitting and template.
 */

import { SinterError } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';

const SPECIAL_TOKENS = {
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
} as const;

/**
 * The tokenizer as a JSON value. `vocabulary` is the text of vocab.txt: one token a line, its id
 * the line number.
 */
export function wordPieceTokenizer(
  vocabulary: string,
  config: JsonObject,
  file: string,
): JsonObject {
  const lines = vocabulary.split(/\r\n|\r|\n/);
  if (lines.at(-1) === '') lines.pop();
  const ids = new Map(lines.map((token, id) => [token, id]));
  const special = (key: keyof typeof SPECIAL_TOKENS) => {
    const content = tokenText(config, key) ?? SPECIAL_TOKENS[key];
    const id = ids.get(content);
    if (id !== undefined) return { content, id };
    throw new SinterError('CORRUPT_MODEL', `${file}: must have the ${key} ${content}`, {
      details: { file },
    });
  };
  const cls = special('cls_token');
  const sep = special('sep_token');
  const added = (Object.keys(SPECIAL_TOKENS) as (keyof typeof SPECIAL_TOKENS)[]).map(special);
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  const token = ({ content }: { content: string }, segment: number) => ({
    SpecialToken: { id: content, type_id: segment },
  });
  const text = (id: string, segment: number) => ({ Sequence: { id, type_id: segment } });
  const entry = ({ content, id }: { content: string; id: number }) => [
    content,
    { id: content, ids: [id], tokens: [content] },
  ];
  const single = [token(cls, 0), text('A', 0), token(sep, 0)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.map(({ content, id }) => ({ id, special: true, content, ...flags })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: flag(config, 'tokenize_chinese_chars') ?? true,
      strip_accents: flag(config, 'strip_accents'),
      lowercase: flag(config, 'do_lower_case') ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, text('B', 1), token(sep, 1)],
      special_tokens: Object.fromEntries([entry(cls), entry(sep)]),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: special('unk_token').content,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

/** A special token is a string, or an object with its content. */
function tokenText(config: JsonObject, key: string): string | null {
  const value = config[key];
  const content = isJsonObject(value) ? value.content : value;
  return typeof content === 'string' ? content : null;
}

function flag(config: JsonObject, key: string): boolean | null {
  const value = config[key];
  return typeof value === 'boolean' ? value : null;
}
