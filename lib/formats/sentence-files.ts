/**
 * The sentence-transformers files of a model folder: modules, pooling, length, prompts.
 *
 * Both generations (up to 5.3, from 5.4) are read; the older is written, because every version reads it. A module, a
 * key or a value that Sinter cannot run is UNSUPPORTED_MODEL, never skipped silently (sentence-keys.ts).
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { decodeUtf8, fileExists, readModelFile } from '../core/json.js';
import type { SentenceModule, SentenceSettings } from '../graph/checkpoint.js';
import { CONFIG_FILE, modelConfig, readModelSettings } from './sentence-config.js';
import { AFTER_POOLING, moduleClass, moduleConfig, readModule } from './sentence-modules.js';
import { poolingConfig, readPooling } from './sentence-pooling.js';
import { LENGTH_FILES, readTextSettings } from './sentence-text.js';

/** Beginning of the class names of the library's own modules. */
const LIBRARY = 'sentence_transformers.';

interface ListedModule {
  /** Full name of the Python class; `kind` is its last part. */
  readonly type: string;
  readonly kind: string;
  readonly folder: string;
}

/** Settings from the files, and the folder of the transformer, which older libraries kept apart (0_Transformer). */
export interface SentenceFiles {
  readonly settings: SentenceSettings;
  readonly transformer: string;
}

/** Reads the files of `folder`; null when it has no modules.json. */
export async function readSentenceFiles(folder: string): Promise<SentenceFiles | null> {
  const file = join(folder, 'modules.json');
  const listed = await readModules(file);
  if (listed === null) return null;
  const transformer = join(folder, listed[0]?.folder ?? '');
  checkOrder(file, listed);
  const text = await readTextSettings(transformer);
  if (text.kind === 'cross-encoder' && listed.length > 1) {
    throw unsupported(
      file,
      `module ${listed[1]?.kind} of a cross-encoder (supported: Transformer)`,
    );
  }
  const pooled = listed.find(({ kind }) => kind === 'Pooling');
  const pooling = pooled && (await readPooling(join(folder, pooled.folder, 'config.json')));
  const modules: SentenceModule[] = [];
  for (const { kind, folder: path } of listed) {
    if (kind === 'Transformer' || kind === 'Pooling') continue;
    const module = await readModule(folder, kind, path);
    if (module !== null) modules.push(module);
  }
  const settings = {
    pooling: pooling?.kinds ?? null,
    includePrompt: pooling?.includePrompt ?? true,
    modules,
    ...text,
    ...(await readModelSettings(folder, text.kind)),
  };
  return { transformer, settings };
}

/** Throws UNSUPPORTED_MODEL unless the modules are Transformer, Pooling and those that may follow it. */
function checkOrder(file: string, listed: readonly ListedModule[]): void {
  let pooled = false;
  for (const [i, { kind, type }] of listed.entries()) {
    const ours = type.startsWith(LIBRARY);
    const known = kind === 'Transformer' || kind === 'Pooling' || AFTER_POOLING.includes(kind);
    const inOrder = i === 0 ? kind === 'Transformer' : (kind === 'Pooling') !== pooled;
    pooled ||= kind === 'Pooling';
    if (ours && known && inOrder) continue;
    // A custom class may compute anything, even under the name of a known one.
    const place = !ours ? ` of the class ${type}` : known ? ` as number ${i}` : '';
    const supported = `supported: Transformer, Pooling, then ${AFTER_POOLING.join(', ')}`;
    throw unsupported(file, `module ${kind}${place} (${supported}, of sentence-transformers)`);
  }
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
    return { type, kind: type.slice(type.lastIndexOf('.') + 1), folder: path };
  });
}

/** Folder in a model folder for the files of modules[i]. */
export function modulePath(i: number, module: SentenceModule): string {
  return `${i + 2}_${moduleClass(module)}`;
}

/**
 * The files to write for an embedding model or a cross-encoder, as path in the folder -> text. `width` is the size of a
 * token vector. The weights of modules[i] are not among them; they go to modulePath(i).
 */
export function sentenceFiles(settings: SentenceSettings, width: number): Map<string, string> {
  const values =
    settings.kind === 'embedding' ? embeddingFiles(settings, width) : crossEncoderFiles();
  values.set(CONFIG_FILE, modelConfig(settings));
  return new Map([...values].map(([path, value]) => [path, `${JSON.stringify(value, null, 2)}\n`]));
}

function embeddingFiles(settings: SentenceSettings, width: number): Map<string, unknown> {
  const { pooling, includePrompt, modules, maxTokens, lowercase } = settings;
  if (pooling === null) throw new SinterError('INTERNAL', 'sentence files need a pooling mode');
  const files = new Map<string, unknown>();
  const list = [
    { path: '', kind: 'Transformer' },
    { path: '1_Pooling', kind: 'Pooling' },
  ];
  files.set('1_Pooling/config.json', poolingConfig({ kinds: pooling, includePrompt }, width));
  for (const [i, module] of modules.entries()) {
    const path = modulePath(i, module);
    list.push({ path, kind: moduleClass(module) });
    const config = moduleConfig(module);
    if (config !== null) files.set(`${path}/config.json`, config);
  }
  files.set(
    'modules.json',
    list.map(({ path, kind }, idx) => {
      return { idx, name: String(idx), path, type: `sentence_transformers.models.${kind}` };
    }),
  );
  files.set(LENGTH_FILES[0] ?? '', { max_seq_length: maxTokens, do_lower_case: lowercase });
  return files;
}

/** Only the newer generation has modules for a cross-encoder; the older one reads config.json alone. */
function crossEncoderFiles(): Map<string, unknown> {
  const type = 'sentence_transformers.base.modules.transformer.Transformer';
  return new Map<string, unknown>([
    ['modules.json', [{ idx: 0, name: '0', path: '', type }]],
    [
      LENGTH_FILES[0] ?? '',
      {
        transformer_task: 'sequence-classification',
        modality_config: { text: { method: 'forward', method_output_name: 'logits' } },
        module_output_name: 'scores',
      },
    ],
  ]);
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
