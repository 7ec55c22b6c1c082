/**
 * The `tokenizer_class`es of transformers whose rules are supported, and the one that a model folder means.
 *
 * A class that is not in the table has rules in Python code (MeCab words, another BPE). It is refused by name even beside a
 * tokenizer.json, which Python's slow tokenizers do not read.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';

/** Which settings the class applies over tokenizer.json. */
export type Rules =
  | 'bert'
  | 'byte-level'
  | 'albert'
  | 'deberta-v2'
  | 'xlm-roberta'
  | 'llama'
  | 'none';

interface ClassRules {
  readonly rules: Rules;
  /** The plain vocabulary that gives the same tokenizer without tokenizer.json: vocab.txt, or vocab.json with merges.txt. */
  readonly vocabulary: 'words' | 'pairs' | null;
  /** Whether Python gives a model the segments of a pair, where `model_input_names` does not say. */
  readonly segments: boolean;
}

export interface TokenizerClass extends ClassRules {
  /** Name as in transformers, without `Fast`; null where neither the folder nor the type of its model tells. */
  readonly name: string | null;
  readonly from: 'tokenizer_config.json' | 'config.json' | 'model_type' | null;
}

const WORDS: ClassRules = { rules: 'bert', vocabulary: 'words', segments: true };
const PAIRS: ClassRules = { rules: 'byte-level', vocabulary: 'pairs', segments: false };
const WHOLE: ClassRules = { rules: 'none', vocabulary: null, segments: true };
const UNSEGMENTED: ClassRules = { ...WHOLE, segments: false };

const CLASSES: Readonly<Record<string, ClassRules>> = {
  BertTokenizer: WORDS,
  ConvBertTokenizer: WORDS,
  DPRContextEncoderTokenizer: WORDS,
  DPRQuestionEncoderTokenizer: WORDS,
  ElectraTokenizer: WORDS,
  LayoutLMTokenizer: WORDS,
  LxmertTokenizer: WORDS,
  MobileBertTokenizer: WORDS,
  RealmTokenizer: WORDS,
  SqueezeBertTokenizer: WORDS,
  DistilBertTokenizer: { ...WORDS, segments: false },
  MPNetTokenizer: { ...WORDS, segments: false },
  RetriBertTokenizer: { ...WORDS, segments: false },
  // Made from vocab.txt these classes have further special tokens or segments.
  FunnelTokenizer: { ...WORDS, vocabulary: null },
  SplinterTokenizer: { ...WORDS, vocabulary: null },
  BartTokenizer: PAIRS,
  LEDTokenizer: PAIRS,
  LongformerTokenizer: PAIRS,
  MvpTokenizer: PAIRS,
  RobertaTokenizer: PAIRS,
  DebertaTokenizer: { rules: 'byte-level', vocabulary: null, segments: true },
  GPT2Tokenizer: { ...PAIRS, vocabulary: null },
  GPTNeoXTokenizer: { ...PAIRS, vocabulary: null },
  Qwen2Tokenizer: { ...PAIRS, vocabulary: null },
  AlbertTokenizer: { ...WHOLE, rules: 'albert' },
  DebertaV2Tokenizer: { ...WHOLE, rules: 'deberta-v2' },
  XLMRobertaTokenizer: { ...UNSEGMENTED, rules: 'xlm-roberta' },
  LlamaTokenizer: { ...UNSEGMENTED, rules: 'llama' },
  PreTrainedTokenizer: WHOLE,
  // The name of PreTrainedTokenizerFast in newer versions of transformers, which gives no segments.
  TokenizersBackend: UNSEGMENTED,
  FNetTokenizer: WHOLE,
  HerbertTokenizer: WHOLE,
  RemBertTokenizer: WHOLE,
  XLNetTokenizer: WHOLE,
  BarthezTokenizer: UNSEGMENTED,
  BigBirdTokenizer: UNSEGMENTED,
  CamembertTokenizer: UNSEGMENTED,
  MT5Tokenizer: UNSEGMENTED,
  T5Tokenizer: UNSEGMENTED,
};

/** Classes that transformers takes for a model type when the files name none. */
const CLASS_OF_TYPE: Readonly<Record<string, string>> = {
  albert: 'AlbertTokenizer',
  bert: 'BertTokenizer',
  camembert: 'CamembertTokenizer',
  'deberta-v2': 'DebertaV2Tokenizer',
  distilbert: 'DistilBertTokenizer',
  electra: 'ElectraTokenizer',
  modernbert: 'PreTrainedTokenizer',
  mpnet: 'MPNetTokenizer',
  roberta: 'RobertaTokenizer',
  'xlm-roberta': 'XLMRobertaTokenizer',
};

/** Settings of BertJapaneseTokenizer: a folder that has one and names no class cuts words by a dictionary. */
const OTHER_SPLITTERS = [
  'word_tokenizer_type',
  'subword_tokenizer_type',
  'do_word_tokenize',
  'do_subword_tokenize',
  'mecab_kwargs',
  'sudachi_kwargs',
  'jumanpp_kwargs',
];

export interface ClassSources {
  readonly folder: string;
  /** tokenizer_config.json. */
  readonly config: JsonObject;
  /** config.json of the model, empty when absent. */
  readonly model: JsonObject;
  /** Whether there is a tokenizer.json. */
  readonly whole: boolean;
}

/** The class of the folder. Throws UNSUPPORTED_MODEL naming the class, or the setting that implies one. */
export function tokenizerClassOf({ folder, config, model, whole }: ClassSources): TokenizerClass {
  refuseOwnCode(config, `${folder}/tokenizer_config.json`);
  const stated = nameIn(config, `${folder}/tokenizer_config.json`);
  if (stated === null || !whole) {
    const key = OTHER_SPLITTERS.find((name) => (config[name] ?? null) !== null);
    const known = stated === null || Object.hasOwn(CLASSES, stated);
    if (key !== undefined && known) {
      throw refusal(`${folder}/tokenizer_config.json`, `${key} ${show(config[key])}`);
    }
  }
  if (stated !== null) return rulesOf(stated, 'tokenizer_config.json', folder);
  refuseOwnCode(model, `${folder}/config.json`);
  const ofModel = nameIn(model, `${folder}/config.json`);
  if (ofModel !== null) return rulesOf(ofModel, 'config.json', folder);
  const type = model.model_type;
  const name = typeof type === 'string' && Object.hasOwn(CLASS_OF_TYPE, type) ? type : null;
  if (name === null) return { ...WHOLE, name: null, from: null };
  return rulesOf(CLASS_OF_TYPE[name] as string, 'model_type', folder);
}

function nameIn(config: JsonObject, file: string): string | null {
  const { tokenizer_class: name = null } = config;
  if (name === null || typeof name === 'string') return name === null ? null : withoutFast(name);
  throw new SinterError(
    'CORRUPT_MODEL',
    `${file}: tokenizer_class must be a string, got ${show(name)}`,
    { details: { file } },
  );
}

function withoutFast(name: string): string {
  return name.replace(/Fast$/, '');
}

function rulesOf(
  name: string,
  from: 'tokenizer_config.json' | 'config.json' | 'model_type',
  folder: string,
): TokenizerClass {
  const rules = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
  if (rules !== undefined) return { ...rules, name, from };
  throw refusal(`${folder}/${from}`, `tokenizer_class ${show(name)}`);
}

/** Whether `auto_map` names Python code of the model's author. */
function refuseOwnCode(config: JsonObject, file: string): void {
  const map: JsonValue | undefined = config.auto_map;
  const own = isJsonObject(map) ? map.AutoTokenizer : map;
  if (own === undefined || own === null) return;
  const named = Array.isArray(own) ? own.find((entry) => typeof entry === 'string') : own;
  if (named !== undefined) throw refusal(file, `auto_map ${show(named)}`);
}

function refusal(file: string, what: string): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: unsupported ${what}: these rules of tokenization are Python code; where a tokenizer.json holds all of ` +
      'them, state "tokenizer_class": "PreTrainedTokenizerFast" in tokenizer_config.json and remove what names the code',
    { details: { file } },
  );
}
