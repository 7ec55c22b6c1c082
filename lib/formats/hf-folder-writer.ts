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
  /** Texts stored in `__metadata__` of the safetensors file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** Contents of further files by path in the folder: those of the tokenizer, a licence. */
  readonly files: ReadonlyMap<string, string | Uint8Array>;
  /**
   * Writes the files of a sentence-transformers model whose token vectors have `width` numbers. The weights of its
   * modules go to the folders of the modules.
   */
  readonly sentence?: { readonly settings: SentenceSettings; readonly width: number };
  /** Writes further files into the folder before it gets its name. */
  readonly more?: (folder: string) => Promise<void>;
}

export interface WriteFolderOptions {
  /** Name of the call in messages. */
  readonly where?: string;
  readonly overwrite?: boolean;
  /** Paths that are read meanwhile: a folder that contains one of them is never replaced. */
  readonly inputs?: readonly string[];
}

/**
 * Writes a folder that transformers (and, with `sentence`, sentence-transformers) loads. An existing folder with
 * content is a RangeError unless `overwrite` is set and the folder holds a model and nothing else; then the whole
 * folder is replaced. A failure leaves no new files and changes none. Throws FILE_SYSTEM where the folder cannot be
 * written or the disk has no room for the weights.
 */
export async function writeHfFolder(
  path: string,
  content: HfFolderContent,
  { where, overwrite = false, inputs = [] }: WriteFolderOptions = {},
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
  const mayReplace = overwrite ? checkOwnModel : undefined;
  const options = { mayReplace, inputs, ...(where !== undefined && { where }) };
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

/**
 * Writes the weights of each module to its folder, without the module's prefix in their names, and all others to
 * model.safetensors. `normalize` has no weights and gets no file.
 */
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
