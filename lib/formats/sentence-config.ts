/**
 * config_sentence_transformers.json: prompts, the similarity function, the truncated size of a vector, a
 * cross-encoder's activation.
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { fileExists, isJsonObject, type JsonObject, readJsonObject } from '../core/json.js';
import type { SentenceSettings, SimilarityName } from '../graph/checkpoint.js';
import { checkKeys, MODEL_KEYS } from './sentence-keys.js';

export const CONFIG_FILE = 'config_sentence_transformers.json';

export const SIMILARITIES: readonly SimilarityName[] = ['cosine', 'dot', 'euclidean', 'manhattan'];

/** `model_type` in the file, by kind of model. Where it is missing, the modules decide. */
const MODEL_TYPES: Readonly<Record<SentenceSettings['kind'], string>> = {
  embedding: 'SentenceTransformer',
  'cross-encoder': 'CrossEncoder',
};

/** Names of the prompts that sentence-transformers gives every embedding model, empty unless the file sets them. */
const ALWAYS = ['query', 'document'];

export type ModelSettings = Pick<
  SentenceSettings,
  'prompts' | 'defaultPrompt' | 'similarityFnName' | 'truncateDim' | 'activation' | 'ignored'
>;

/**
 * Reads the file in `folder` for a model of `kind`; a missing file means defaults. The messages of CORRUPT_MODEL and
 * UNSUPPORTED_MODEL name file and key.
 */
export async function readModelSettings(
  folder: string,
  kind: SentenceSettings['kind'],
): Promise<ModelSettings> {
  const file = join(folder, CONFIG_FILE);
  const config = (await fileExists(file)) ? await readJsonObject(file) : {};
  const ignored: string[] = [];
  checkKeys(file, config, MODEL_KEYS, ignored);
  const type = config.model_type ?? MODEL_TYPES[kind];
  if (type === MODEL_TYPES['cross-encoder'] && kind === 'embedding') throw notScoring(file);
  if (type !== MODEL_TYPES[kind]) {
    throw fault('UNSUPPORTED_MODEL', file, `unsupported model_type ${show(type)} of its modules`);
  }
  const prompts = readPrompts(file, config);
  return {
    prompts,
    defaultPrompt: readDefault(file, config, kind === 'embedding' ? ALWAYS : [], prompts),
    similarityFnName: readSimilarity(file, config),
    truncateDim: readTruncateDim(file, config),
    activation: readActivation(file, config),
    ignored,
  };
}

/**
 * The refusal of a cross-encoder whose Transformer module has no file that says so: sentence-transformers would then
 * load an encoder that gives vectors.
 */
function notScoring(file: string): SinterError {
  const needed = 'sentence_bert_config.json with transformer_task "sequence-classification"';
  return fault(
    'UNSUPPORTED_MODEL',
    file,
    `unsupported model_type "CrossEncoder" without ${needed} beside the weights: without it the module Transformer gives vectors, no scores`,
  );
}

/** Prompts by name; null stands for the empty text. */
function readPrompts(file: string, { prompts }: JsonObject): Readonly<Record<string, string>> {
  if (prompts === undefined || prompts === null) return {};
  if (!isJsonObject(prompts))
    throw corrupt(file, `prompts must be an object, got ${show(prompts)}`);
  const texts = Object.entries(prompts).map(([name, text]): [string, string] => {
    if (text === null) return [name, ''];
    if (typeof text === 'string') return [name, text];
    throw corrupt(file, `prompts.${name} must be a string, got ${show(text)}`);
  });
  return Object.fromEntries(texts);
}

function readDefault(
  file: string,
  { default_prompt_name: name }: JsonObject,
  always: readonly string[],
  prompts: Readonly<Record<string, string>>,
): string | null {
  if (name === undefined || name === null) return null;
  const names = Object.keys(prompts);
  if (typeof name === 'string' && [...always, ...names].includes(name)) return name;
  throw corrupt(
    file,
    `default_prompt_name must be one of the prompts ${names.map((n) => JSON.stringify(n)).join(', ') || '(there are none)'}, got ${show(name)}`,
  );
}

function readSimilarity(file: string, { similarity_fn_name: name }: JsonObject): SimilarityName {
  if (name === undefined || name === null) return 'cosine';
  const known = SIMILARITIES.find((kind) => kind === name);
  if (known !== undefined) return known;
  const what = `similarity_fn_name ${show(name)} (supported: ${SIMILARITIES.join(', ')})`;
  throw fault('UNSUPPORTED_MODEL', file, `unsupported ${what}`);
}

function readTruncateDim(file: string, { truncate_dim: value }: JsonObject): number | null {
  if (value === undefined || value === null) return null;
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number;
  throw corrupt(file, `truncate_dim must be a positive integer, got ${show(value)}`);
}

function readActivation(file: string, { activation_fn: value }: JsonObject): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  throw corrupt(file, `activation_fn must be a string, got ${show(value)}`);
}

/** Content of the file for a model; keys that its kind does not have are left out. */
export function modelConfig(settings: SentenceSettings): JsonObject {
  const { kind, prompts, defaultPrompt, similarityFnName, truncateDim, activation } = settings;
  const common = { prompts, default_prompt_name: defaultPrompt };
  if (kind === 'cross-encoder') {
    return { model_type: MODEL_TYPES[kind], ...common, activation_fn: activation };
  }
  return {
    ...common,
    similarity_fn_name: similarityFnName,
    ...(truncateDim === null ? {} : { truncate_dim: truncateDim }),
  };
}

function corrupt(file: string, what: string): SinterError {
  return fault('CORRUPT_MODEL', file, what);
}

function fault(
  code: 'CORRUPT_MODEL' | 'UNSUPPORTED_MODEL',
  file: string,
  what: string,
): SinterError {
  return new SinterError(code, `${file}: ${what}`, { details: { file } });
}
