/**
 * Largest length of texts, and whether they are lowercased: from the config file of the module Transformer and
 * tokenizer_config.json.
 *
 * The newer generation keeps the length in tokenizer_config.json alone, where "no limit" is a number like 1e30.
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { fileExists, isJsonObject, type JsonObject, readJsonObject } from '../core/json.js';
import { ARGUMENT_KEYS, checkKeys, TRANSFORMER_KEYS } from './sentence-keys.js';

/** Names of the module's config file, in the order in which sentence-transformers looks for them. */
export const LENGTH_FILES: readonly string[] = [
  'sentence_bert_config.json',
  'sentence_roberta_config.json',
  'sentence_distilbert_config.json',
  'sentence_camembert_config.json',
  'sentence_albert_config.json',
  'sentence_xlm-roberta_config.json',
  'sentence_xlnet_config.json',
];

/** A larger length means that there is no limit. */
const NO_LIMIT = 1e9;

/**
 * Tasks of the module Transformer that Sinter computes, each with the kind of model and the output of the encoder that
 * it needs.
 */
const KINDS = {
  'feature-extraction': { kind: 'embedding', output: 'last_hidden_state' },
  'sequence-classification': { kind: 'cross-encoder', output: 'logits' },
} as const;

export interface TextSettings {
  readonly kind: 'embedding' | 'cross-encoder';
  /** Longest text in tokens, special tokens included; null when not stated. */
  readonly maxTokens: number | null;
  readonly lowercase: boolean;
}

/**
 * Reads the module's config file in `folder`. The messages of CORRUPT_MODEL and UNSUPPORTED_MODEL name file and key.
 */
export async function readTextSettings(folder: string): Promise<TextSettings> {
  const { file, config } = await firstConfig(folder);
  checkKeys(file, config, TRANSFORMER_KEYS);
  const stated = checkedLength(file, 'max_seq_length', config.max_seq_length);
  const argument = argumentLength(file, config);
  const { do_lower_case: lower = false } = config;
  if (typeof lower !== 'boolean') {
    throw corrupt(file, `do_lower_case must be true or false, got ${show(lower)}`);
  }
  return {
    kind: kindOf(file, config),
    maxTokens: argument ?? stated ?? (await readModelMaxLength(folder)),
    lowercase: lower,
  };
}

/** The first of the module's config files that exists and is not empty. */
async function firstConfig(folder: string) {
  for (const name of LENGTH_FILES) {
    const file = join(folder, name);
    const config = (await fileExists(file)) ? await readJsonObject(file) : {};
    if (Object.keys(config).length > 0) return { file, config };
  }
  return { file: join(folder, LENGTH_FILES[0] ?? ''), config: {} };
}

/** Reads `model_max_length` of tokenizer_config.json; null when it is missing or means that there is no limit. */
export async function readModelMaxLength(folder: string): Promise<number | null> {
  const file = join(folder, 'tokenizer_config.json');
  if (!(await fileExists(file))) return null;
  return modelMaxLength(await readJsonObject(file), file);
}

/** `model_max_length` of the tokenizer_config.json `config`; `file` is its path, for messages. */
export function modelMaxLength(config: JsonObject, file: string): number | null {
  return checkedLength(file, 'model_max_length', config.model_max_length);
}

function argumentLength(file: string, config: JsonObject): number | null {
  let found: number | null = null;
  for (const key of Object.keys(config)) {
    const rule = TRANSFORMER_KEYS[key];
    if (rule === undefined || !('read' in rule) || rule.read !== 'argumentKeys') continue;
    const given = config[key] ?? {};
    if (!isJsonObject(given)) throw corrupt(file, `${key} must be an object, got ${show(given)}`);
    checkKeys(`${file}: ${key}`, given, ARGUMENT_KEYS);
    found = checkedLength(file, `${key}.model_max_length`, given.model_max_length) ?? found;
  }
  return found;
}

function checkedLength(file: string, key: string, value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && value >= NO_LIMIT) return null;
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw corrupt(file, `${key} must be a positive integer, got ${show(value)}`);
}

function kindOf(file: string, config: JsonObject): TextSettings['kind'] {
  const { transformer_task: task = 'feature-extraction', modality_config: modality } = config;
  const known = typeof task === 'string' && Object.hasOwn(KINDS, task);
  const found = known ? KINDS[task as keyof typeof KINDS] : undefined;
  if (found === undefined) {
    const kinds = Object.keys(KINDS).join(', ');
    throw unsupported(file, `transformer_task ${show(task)} (supported: ${kinds})`);
  }
  if (modality === undefined || modality === null) return found.kind;
  const text = isJsonObject(modality) ? modality.text : undefined;
  const { method, method_output_name: output } = isJsonObject(text) ? text : {};
  const outputs: readonly unknown[] = Array.isArray(output) ? output : [output];
  if (method === 'forward' && outputs.length === 1 && outputs[0] === found.output)
    return found.kind;
  throw unsupported(file, `modality_config ${JSON.stringify(modality).slice(0, 120)}`);
}

function corrupt(file: string, what: string): SinterError {
  return new SinterError('CORRUPT_MODEL', `${file}: ${what}`, { details: { file } });
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
