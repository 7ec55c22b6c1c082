/**
 * The sentence-transformers files of a model folder: modules, pooling, length, prompts.
 *
 * Both generations (up to 5.3, from 5.4) are read; the older is written, because every reader takes
 * it. A module or a pooling mode that Sinter cannot run is UNSUPPORTED_MODEL, never left out
 * silently.
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import {
  decodeUtf8,
  fileExists,
  isJsonObject,
  type JsonObject,
  readJsonObject,
  readModelFile,
} from '../core/json.js';
import type { SentenceModule, SentenceSettings } from '../graph/checkpoint.js';
import type { PoolKind } from '../graph/types.js';
import { AFTER_POOLING, moduleClass, moduleConfig, readModule } from './sentence-modules.js';
import { poolingConfig, readPooling } from './sentence-pooling.js';

interface ListedModule {
  readonly kind: string;
  readonly folder: string;
}

/** What the files say, and the folder of the transformer, which older libraries kept apart (0_Transformer). */
export interface SentenceFiles {
  readonly settings: SentenceSettings;
  readonly transformer: string;
}

/** Reads the files of `folder`; null when it has no modules.json. */
export async function readSentenceFiles(folder: string): Promise<SentenceFiles | null> {
  const file = join(folder, 'modules.json');
  const listed = await readModules(file);
  if (listed === null) return null;
  let pooling: readonly PoolKind[] | null = null;
  const modules: SentenceModule[] = [];
  for (const [i, { kind, folder: path }] of listed.entries()) {
    const known = kind === 'Transformer' || kind === 'Pooling' || AFTER_POOLING.includes(kind);
    const inOrder =
      i === 0 ? kind === 'Transformer' : kind === 'Pooling' ? pooling === null : pooling !== null;
    if (!known || !inOrder) {
      const place = known ? ` as number ${i}` : '';
      throw unsupported(
        file,
        `module ${kind}${place} (supported: Transformer, Pooling, then ${AFTER_POOLING.join(', ')})`,
      );
    }
    if (kind === 'Pooling') pooling = await readPooling(join(folder, path, 'config.json'));
    else if (kind !== 'Transformer') modules.push(await readModule(folder, kind, path));
  }
  const transformer = join(folder, listed[0]?.folder ?? '');
  const text = await readText(transformer);
  return { transformer, settings: { pooling, modules, ...text, ...(await readPrompts(folder)) } };
}

async function readModules(file: string): Promise<readonly ListedModule[] | null> {
  if (!(await fileExists(file))) return null;
  const bad = (message: string, cause?: unknown) =>
    new SinterError('CORRUPT_MODEL', `${file}: ${message}`, { details: { file }, cause });
  let list: unknown;
  try {
    list = JSON.parse(decodeUtf8(await readModelFile(file), file));
  } catch (cause) {
    if (cause instanceof SinterError) throw cause;
    throw bad(`not valid JSON: ${(cause as Error).message}`, cause);
  }
  if (!Array.isArray(list)) throw bad(`must be a list, got ${show(list)}`);
  const folders = new Set<string>();
  return list.map((item: unknown, i) => {
    const { type, path } = (item ?? {}) as { type?: unknown; path?: unknown };
    if (typeof type !== 'string') throw bad(`[${i}].type must be a string, got ${show(type)}`);
    if (typeof path !== 'string' || !/^[\w-]*$/.test(path)) {
      throw bad(`[${i}].path must be a plain folder name, got ${show(path)}`);
    }
    if (folders.has(path)) throw bad(`[${i}].path ${show(path)} is that of another module too`);
    folders.add(path);
    return { kind: type.slice(type.lastIndexOf('.') + 1), folder: path };
  });
}

/**
 * The newer generation keeps the length in tokenizer_config.json; "no limit" is a number like 1e30
 * there.
 */
async function readText(folder: string) {
  const file = join(folder, 'sentence_bert_config.json');
  const config = await readOptional(file);
  let stated = config.max_seq_length;
  if (stated === undefined || stated === null) {
    const limit = (await readOptional(join(folder, 'tokenizer_config.json'))).model_max_length;
    stated = typeof limit === 'number' && limit < 1e9 ? limit : null;
  }
  if (stated !== null && (!Number.isSafeInteger(stated) || (stated as number) < 1)) {
    throw new SinterError(
      'CORRUPT_MODEL',
      `${file}: max_seq_length must be a positive integer, got ${show(stated)}`,
      { details: { file } },
    );
  }
  return { maxTokens: stated as number | null, lowercase: config.do_lower_case === true };
}

async function readPrompts(folder: string) {
  const config = await readOptional(join(folder, 'config_sentence_transformers.json'));
  const prompts = isJsonObject(config.prompts) ? Object.entries(config.prompts) : [];
  const texts = prompts.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  const name = config.default_prompt_name;
  return {
    prompts: Object.fromEntries(texts),
    defaultPrompt: typeof name === 'string' ? name : null,
  };
}

/** The folder that modules[i] is written to. */
export function modulePath(i: number, module: SentenceModule): string {
  return `${i + 2}_${moduleClass(module)}`;
}

/**
 * The files to write for an embedding model: path in the folder -> text. `width` is the size of a token vector. The
 * weights of modules[i] go to modulePath(i).
 */
export function sentenceFiles(settings: SentenceSettings, width: number): Map<string, string> {
  const { pooling, modules } = settings;
  if (pooling === null) {
    throw new SinterError('INTERNAL', 'sentence files need a pooling mode');
  }
  const files = new Map<string, string>();
  const add = (path: string, value: unknown) =>
    files.set(path, `${JSON.stringify(value, null, 2)}\n`);
  const list = [
    { path: '', kind: 'Transformer' },
    { path: '1_Pooling', kind: 'Pooling' },
  ];
  add('1_Pooling/config.json', poolingConfig(pooling, width));
  for (const [i, module] of modules.entries()) {
    const path = modulePath(i, module);
    list.push({ path, kind: moduleClass(module) });
    const config = moduleConfig(module);
    if (config !== null) add(`${path}/config.json`, config);
  }
  add(
    'modules.json',
    list.map(({ path, kind }, idx) => {
      return { idx, name: String(idx), path, type: `sentence_transformers.models.${kind}` };
    }),
  );
  const { maxTokens, lowercase, prompts, defaultPrompt } = settings;
  add('sentence_bert_config.json', { max_seq_length: maxTokens, do_lower_case: lowercase });
  add('config_sentence_transformers.json', {
    prompts,
    default_prompt_name: defaultPrompt,
    similarity_fn_name: 'cosine',
  });
  return files;
}

async function readOptional(file: string): Promise<JsonObject> {
  return (await fileExists(file)) ? readJsonObject(file) : {};
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
