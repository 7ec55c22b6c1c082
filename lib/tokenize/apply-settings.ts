/**
 * Applies the settings of tokenizer_config.json to tokenizer.json by the rules of its tokenizer_class: they win where they do in
 * Python.
 *
 * Where transformers 4.57 and 5.x differ, a stated setting is honoured, and what is not stated is left as tokenizer.json has it;
 * where they disagree about special tokens, the folder is refused.
 */

import { show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { withAddedTokens } from './added-tokens.js';
import { endsOf, templateOf } from './post-processor.js';
import type { Rules, TokenizerClass } from './tokenizer-classes.js';
import type { TokenizerSettings } from './tokenizer-settings.js';

/** tokenizer.json with the settings applied; the same object when it says all of that already. */
export function applySettings(
  tokenizer: JsonObject,
  kind: TokenizerClass,
  settings: TokenizerSettings,
): JsonObject {
  const added = withAddedTokens(tokenizer, settings);
  const ruled = RULES[kind.rules](withPrefixSpace(added, kind, settings), settings);
  checkEnds(ruled, kind, settings);
  return ruled;
}

type Rule = (tokenizer: JsonObject, settings: TokenizerSettings) => JsonObject;

const RULES: Readonly<Record<Rules, Rule>> = {
  bert: withBertNormalizer,
  'byte-level': withTrimming,
  albert: (tokenizer, settings) => albertNormalizer(refuseNoPrefix(tokenizer, settings), settings),
  'deberta-v2': (tokenizer, settings) =>
    debertaSteps(refuseNoPrefix(tokenizer, settings), settings),
  'xlm-roberta': refuseNoPrefix,
  llama: withBosAndEos,
  none: (tokenizer) => tokenizer,
};

/** BERT's defaults hold where the settings are silent, whatever tokenizer.json says. */
function withBertNormalizer(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  const lowercase = settings.flag('do_lower_case', true);
  const strip_accents = settings.flag('strip_accents', null);
  const handle_chinese_chars = settings.flag('tokenize_chinese_chars', true);
  const wanted = { lowercase, strip_accents, handle_chinese_chars };
  const { normalizer = null } = tokenizer;
  if (normalizer === null && isModel(tokenizer, 'WordPiece')) {
    return { ...tokenizer, normalizer: { type: 'BertNormalizer', clean_text: true, ...wanted } };
  }
  if (!isJsonObject(normalizer) || normalizer.type !== 'BertNormalizer') return tokenizer;
  return changed(tokenizer, 'normalizer', normalizer, wanted);
}

/**
 * Sets add_prefix_space of a ByteLevel pre-tokenizer; one inside a sequence is left alone, as in Python. RoBERTa's classes
 * default to false.
 */
function withPrefixSpace(
  tokenizer: JsonObject,
  { rules }: TokenizerClass,
  settings: TokenizerSettings,
): JsonObject {
  const splitter = tokenizer.pre_tokenizer;
  if (!isJsonObject(splitter) || splitter.type !== 'ByteLevel') return tokenizer;
  const own = splitter.add_prefix_space as JsonValue;
  const add_prefix_space = settings.flag('add_prefix_space', rules === 'byte-level' ? false : own);
  return changed(tokenizer, 'pre_tokenizer', splitter, { add_prefix_space });
}

/** Sets which spaces the offsets of tokens leave out. */
function withTrimming(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  const processor = tokenizer.post_processor;
  if (!isJsonObject(processor) || !('trim_offsets' in processor)) return tokenizer;
  const add_prefix_space = settings.flag('add_prefix_space', false);
  const trim_offsets = settings.flag('trim_offsets', true);
  return changed(tokenizer, 'post_processor', processor, { add_prefix_space, trim_offsets });
}

function albertNormalizer(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  if (!isModel(tokenizer, 'Unigram')) return tokenizer;
  const lower = settings.flag('do_lower_case', null);
  const keep = settings.flag('keep_accents', null);
  let steps = stepsOf(tokenizer.normalizer, 'normalizers');
  const before = steps;
  const has = (type: string) => steps.some((step) => step.type === type);
  if (keep === true && has('StripAccents')) {
    steps = steps.filter(({ type }) => type !== 'NFKD' && type !== 'StripAccents');
  }
  if (keep === false && !has('StripAccents')) {
    steps = [{ type: 'NFKD' }, { type: 'StripAccents' }, ...steps];
  }
  if (lower === false) steps = steps.filter(({ type }) => type !== 'Lowercase');
  if (lower === true && !has('Lowercase')) {
    // Lowercase goes before Precompiled, because sentencepiece normalizes text that is lower case already.
    const last = steps.findIndex(({ type }) => type === 'Precompiled');
    steps = steps.toSpliced(last < 0 ? steps.length : last, 0, { type: 'Lowercase' });
  }
  if (same(before, steps)) return tokenizer;
  return { ...tokenizer, normalizer: { type: 'Sequence', normalizers: steps } };
}

function debertaSteps(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  if (!isModel(tokenizer, 'Unigram')) return tokenizer;
  const lower = settings.flag('do_lower_case', null);
  const punctuation = settings.flag('split_by_punct', null);
  const normalizers = toggled(
    stepsOf(tokenizer.normalizer, 'normalizers'),
    { type: 'Lowercase' },
    lower,
  );
  const splitters = toggled(
    stepsOf(tokenizer.pre_tokenizer, 'pretokenizers'),
    { type: 'Punctuation', behavior: 'Isolated' },
    punctuation,
  );
  return {
    ...tokenizer,
    ...(normalizers !== null && { normalizer: { type: 'Sequence', normalizers } }),
    ...(splitters !== null && { pre_tokenizer: { type: 'Sequence', pretokenizers: splitters } }),
  };
}

/** The steps with `step` put in front, or without it; null when nothing changes. */
function toggled(
  steps: readonly JsonObject[],
  step: JsonObject,
  wanted: boolean | null,
): readonly JsonObject[] | null {
  const has = steps.some(({ type }) => type === step.type);
  if (wanted === null || wanted === has) return null;
  return wanted ? [step, ...steps] : steps.filter(({ type }) => type !== step.type);
}

/** Refuses add_prefix_space false: newer versions then put no space before a text, older ones ignore it. */
function refuseNoPrefix(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  if (settings.flag('add_prefix_space', true)) return tokenizer;
  throw settings.unsupported(
    'add_prefix_space false: versions of transformers disagree about it for this tokenizer_class',
  );
}

/** Llama's classes build their own template of bos_token and eos_token. */
function withBosAndEos(tokenizer: JsonObject, settings: TokenizerSettings): JsonObject {
  const token = (key: 'bos_token' | 'eos_token', fallback: string) =>
    settings.role(key) ?? fallback;
  const before = settings.flag('add_bos_token', true) ? [token('bos_token', '<s>')] : [];
  const after = settings.flag('add_eos_token', false) ? [token('eos_token', '</s>')] : [];
  const ends = endsOf(tokenizer.post_processor);
  if (same(ends?.before, before) && same(ends?.after, after)) return tokenizer;
  const post_processor = templateOf(tokenizer, before, after);
  if (post_processor === null) throw settings.unsupported('bos_token or eos_token: no such token');
  return { ...tokenizer, post_processor };
}

/**
 * Refuses a folder whose settings and tokenizer.json name different special tokens: versions of transformers disagree about which
 * one wins.
 */
function checkEnds(tokenizer: JsonObject, kind: TokenizerClass, settings: TokenizerSettings): void {
  const ends = endsOf(tokenizer.post_processor);
  if (ends === null) return;
  const differ = (
    key: 'cls_token' | 'sep_token' | 'bos_token' | 'eos_token',
    got: readonly string[],
  ) => {
    const stated = settings.role(key);
    if (stated === null || same([stated], got)) return;
    const [found = 'none'] = got;
    throw settings.unsupported(`${key} ${show(stated)}: tokenizer.json puts ${show(found)} there`);
  };
  if (kind.rules === 'bert' || kind.vocabulary === 'pairs') {
    differ('cls_token', ends.before);
    differ('sep_token', ends.after);
  }
  if (kind.rules === 'none') {
    if (settings.flag('add_bos_token', false)) differ('bos_token', ends.before);
    if (settings.flag('add_eos_token', false)) differ('eos_token', ends.after);
  }
  const model = tokenizer.model;
  const unknown = settings.role('unk_token');
  if (kind.rules !== 'bert' || !isJsonObject(model) || model.type !== 'WordPiece') return;
  if (unknown === null || unknown === model.unk_token) return;
  throw settings.unsupported(
    `unk_token ${show(unknown)}: tokenizer.json has ${show(model.unk_token)} for it`,
  );
}

function isModel({ model }: JsonObject, type: string): boolean {
  return isJsonObject(model) && model.type === type;
}

/** The steps of a sequence, or the one step that stands alone. */
function stepsOf(value: JsonValue | undefined, key: string): readonly JsonObject[] {
  if (!isJsonObject(value)) return [];
  const steps = value.type === 'Sequence' ? value[key] : [value];
  return Array.isArray(steps) ? steps.filter(isJsonObject) : [];
}

function changed(
  tokenizer: JsonObject,
  key: string,
  part: JsonObject,
  wanted: JsonObject,
): JsonObject {
  if (Object.entries(wanted).every(([name, value]) => part[name] === value)) return tokenizer;
  return { ...tokenizer, [key]: { ...part, ...wanted } };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
