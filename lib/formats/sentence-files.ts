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
import type { SentenceSettings } from '../graph/checkpoint.js';
import type { PoolKind } from '../graph/types.js';

/** Older generation: one flag per mode. */
const POOLING_FLAGS: Readonly<Record<string, PoolKind | null>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_mean_sqrt_len_tokens: null,
  pooling_mode_weightedmean_tokens: null,
  pooling_mode_lasttoken: null,
};

const POOL_KINDS: readonly PoolKind[] = ['mean', 'cls', 'max'];

interface SentenceModule {
  readonly kind: string;
  readonly folder: string;
}

/** Reads the files of `folder`; null when it has no modules.json. */
export async function readSentenceFiles(folder: string): Promise<SentenceSettings | null> {
  const modules = await readModules(join(folder, 'modules.json'));
  if (modules === null) return null;
  let pooling: PoolKind | null = null;
  let normalize = false;
  for (const { kind, folder: path } of modules) {
    if (kind === 'Normalize') normalize = true;
    else if (kind === 'Pooling') pooling = await readPooling(join(folder, path, 'config.json'));
    else if (kind !== 'Transformer') {
      throw unsupported(
        join(folder, 'modules.json'),
        `module ${kind} (supported: Transformer, Pooling, Normalize)`,
      );
    }
  }
  return { pooling, normalize, ...(await readText(folder)), ...(await readPrompts(folder)) };
}

async function readModules(file: string): Promise<readonly SentenceModule[] | null> {
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
  return list.map((item: unknown, i) => {
    const { type, path } = (item ?? {}) as { type?: unknown; path?: unknown };
    if (typeof type !== 'string') throw bad(`[${i}].type must be a string, got ${show(type)}`);
    if (typeof path !== 'string' || !/^[\w-]*$/.test(path)) {
      throw bad(`[${i}].path must be a plain folder name, got ${show(path)}`);
    }
    return { kind: type.slice(type.lastIndexOf('.') + 1), folder: path };
  });
}

async function readPooling(file: string): Promise<PoolKind> {
  const config = await readJsonObject(file);
  const stated = config.pooling_mode;
  if (stated !== undefined && stated !== null) {
    const modes: readonly unknown[] = Array.isArray(stated) ? stated : [stated];
    const kind = POOL_KINDS.find((known) => known === modes[0]);
    if (kind !== undefined && modes.length === 1) return kind;
    throw unsupported(file, `pooling_mode ${JSON.stringify(stated)} (supported: mean, cls, max)`);
  }
  const set = Object.keys(config).filter(
    (key) => key.startsWith('pooling_mode_') && config[key] === true,
  );
  const kind = set.length === 1 ? POOLING_FLAGS[set[0] as string] : null;
  if (kind) return kind;
  throw unsupported(
    file,
    `pooling by ${set.length === 0 ? 'nothing' : set.join(' + ')} (supported: mean, cls, max)`,
  );
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

/**
 * The files to write for an embedding model: path in the folder -> text. `width` is the size of a
 * vector.
 */
export function sentenceFiles(settings: SentenceSettings, width: number): Map<string, string> {
  const { pooling } = settings;
  if (pooling === null) {
    throw new SinterError('INTERNAL', 'sentence files need a pooling mode');
  }
  const module = (idx: number, path: string, kind: string) => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${kind}`,
  });
  const modules = [module(0, '', 'Transformer'), module(1, '1_Pooling', 'Pooling')];
  if (settings.normalize) modules.push(module(2, '2_Normalize', 'Normalize'));
  const flags = Object.entries(POOLING_FLAGS).map(([flag, kind]) => [flag, kind === pooling]);
  const text = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  return new Map([
    ['modules.json', text(modules)],
    [
      '1_Pooling/config.json',
      text({ word_embedding_dimension: width, ...Object.fromEntries(flags), include_prompt: true }),
    ],
    [
      'sentence_bert_config.json',
      text({ max_seq_length: settings.maxTokens, do_lower_case: settings.lowercase }),
    ],
    [
      'config_sentence_transformers.json',
      text({
        prompts: settings.prompts,
        default_prompt_name: settings.defaultPrompt,
        similarity_fn_name: 'cosine',
      }),
    ],
  ]);
}

async function readOptional(file: string): Promise<JsonObject> {
  return (await fileExists(file)) ? readJsonObject(file) : {};
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
