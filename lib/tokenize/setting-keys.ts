/**
 * The table of every known key of tokenizer_config.json: honoured, refused, or without effect on token ids and why.
 *
 * A key that is in no row does nothing in Python either.
 */

type Meaning = 'honoured' | 'refused' | { readonly irrelevant: string };

const FAST: Meaning = { irrelevant: 'fast tokenizers ignore it' };
const PADDING: Meaning = { irrelevant: 'nothing is padded' };
const DECODING: Meaning = { irrelevant: 'of ids to text' };

/** `refused` is refused where its value would change ids. */
export const SETTINGS = {
  tokenizer_class: 'honoured',
  do_lower_case: 'honoured',
  strip_accents: 'honoured',
  tokenize_chinese_chars: 'honoured',
  add_prefix_space: 'honoured',
  trim_offsets: 'honoured',
  keep_accents: 'honoured',
  split_by_punct: 'honoured',
  added_tokens_decoder: 'honoured',
  additional_special_tokens: 'honoured',
  extra_special_tokens: 'honoured',
  bos_token: 'honoured',
  eos_token: 'honoured',
  unk_token: 'honoured',
  sep_token: 'honoured',
  pad_token: 'honoured',
  cls_token: 'honoured',
  mask_token: 'honoured',
  model_input_names: 'honoured',
  model_max_length: 'honoured',
  truncation_side: 'honoured',
  add_bos_token: 'refused',
  add_eos_token: 'refused',
  auto_map: 'refused',
  fast_tokenizer_files: 'refused',
  split_special_tokens: 'refused',
  word_tokenizer_type: 'refused',
  subword_tokenizer_type: 'refused',
  do_word_tokenize: 'refused',
  do_subword_tokenize: 'refused',
  mecab_kwargs: 'refused',
  sudachi_kwargs: 'refused',
  jumanpp_kwargs: 'refused',
  do_basic_tokenize: FAST,
  never_split: FAST,
  remove_space: FAST,
  sp_model_kwargs: FAST,
  from_slow: FAST,
  use_fast: FAST,
  legacy: FAST,
  vocab_type: FAST,
  normalization: { irrelevant: 'of BertweetTokenizer, which is refused' },
  clean_text: FAST,
  padding_side: PADDING,
  pad_to_multiple_of: PADDING,
  pad_token_type_id: PADDING,
  clean_up_tokenization_spaces: DECODING,
  spaces_between_special_tokens: DECODING,
  errors: DECODING,
  chat_template: { irrelevant: 'of conversations' },
  max_length: { irrelevant: 'callers state the length' },
  stride: { irrelevant: 'callers state the stride' },
  truncation_strategy: { irrelevant: 'the longer text of a pair is cut first' },
  name_or_path: { irrelevant: 'a name' },
  tokenizer_file: { irrelevant: 'a path of its author' },
  special_tokens_map_file: { irrelevant: 'a path of its author' },
  processor_class: { irrelevant: 'of images and sound' },
  backend: { irrelevant: 'how Python loads it' },
  is_local: { irrelevant: 'how Python loaded it' },
} as const satisfies Readonly<Record<string, Meaning>>;

export type SettingKey = keyof typeof SETTINGS;
