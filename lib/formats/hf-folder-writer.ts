/**
 * Writes a model folder in the Hugging Face layout: config.json, safetensors, tokenizer, sentence-transformers files.
 *
 * The whole folder is made under a temporary name and renamed.
 */

import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { JsonObject } from '../core/json.js';
import { writeFolderAtomic } from '../files/index.js';
import type { SentenceSettings } from '../graph/checkpoint.js';
import { carriesGraph, SINTER_FILE, toSinterFile } from '../graph/sinter-file.js';
import { checkOwnModel } from './own-folder.js';
import { storedSize, type TensorToWrite, writeSafetensors } from './safetensors-writer.js';
import { modulePath, sentenceFiles } from './sentence-files.js';

/** The parts of a folder to write. */
export interface HfFolderContent {
  /** Written as config.json, or as sinter.json where it carries the graph. */
  readonly config: JsonObject;
  readonly weights: Iterable<TensorToWrite>;
  /** Texts that lie in the file of the weights. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Further files by their path in the folder: the tokenizer's, a licence. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /**
   * Makes it a sentence-transformers model with token vectors of `width` numbers; the weights of its modules are written
   * to their folders.
   */
  readonly sentence?: { readonly settings: SentenceSettings; readonly width: number };
  /** Writes what else belongs into the folder. */
  readonly more?: (folder: string) => Promise<void>;
}

export interface WriteFolderOptions {
  readonly overwrite?: boolean;
  /** What is being read: a folder around it is never replaced. */
  readonly inputs?: readonly string[];
}

/**
 * Writes a folder that transformers (and, with `sentence`, sentence-transformers) loads. An
 * existing folder with content is a RangeError unless `overwrite` is set and it is a model folder
 * with nothing else in it; then all of it is replaced. After a failure nothing is left and nothing is
 * changed; FILE_SYSTEM where the folder cannot be written or its weights do not fit.
 */
export async function writeHfFolder(
  path: string,
  content: HfFolderContent,
  { overwrite = false, inputs = [] }: WriteFolderOptions = {},
): Promise<void> {
  const files = new Map<string, string | Uint8Array>(content.files);
  const [name, said] = carriesGraph(content.config)
    ? [SINTER_FILE, JSON.stringify(toSinterFile(content.config))]
    : ['config.json', JSON.stringify(content.config, null, 2)];
  files.set(name, `${said}\n`);
  if (content.sentence !== undefined) {
    const { settings, width } = content.sentence;
    for (const [name, text] of sentenceFiles(settings, width)) files.set(name, text);
  }
  const weights = [...content.weights];
  const options = { mayReplace: overwrite ? checkOwnModel : undefined, inputs };
  await writeFolderAtomic(path, options, async (folder, place) => {
    await place.needs({ total: weights.reduce((sum, weight) => sum + storedSize(weight), 0) });
    for (const [name, data] of files) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), data);
    }
    await writeWeights(folder, { ...content, weights });
    await content.more?.(folder);
  });
}

/** Each module's weights to its folder, under the names that they have there; no file where there are none. */
async function writeWeights(
  folder: string,
  { weights, sentence, metadata }: HfFolderContent,
): Promise<void> {
  const modules = sentence?.settings.modules ?? [];
  let rest = [...weights];
  for (const [i, module] of modules.entries()) {
    if (module.kind === 'normalize') continue;
    const prefix = `${module.name}.`;
    const own = rest.filter(({ name }) => name.startsWith(prefix));
    rest = rest.filter(({ name }) => !name.startsWith(prefix));
    const named = own.map((tensor) => ({ ...tensor, name: tensor.name.slice(prefix.length) }));
    await writeSafetensors(join(folder, modulePath(i, module), 'model.safetensors'), named);
  }
  if (rest.length > 0) await writeSafetensors(join(folder, 'model.safetensors'), rest, metadata);
}
