/**
 * The tokenizer's files for the folder of an exported ONNX file, which no program can use without them.
 *
 * The rule: a folder keeps what it has where that is this model's tokenizer, and another model's is replaced only on request.
 */

import { readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { savedConfig } from '../architectures/index.js';
import { rangeMistake } from '../core/errors.js';
import type { FileToWrite } from '../files/index.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { TOKENIZER, TOKENIZER_CONFIG, tokenizerConfig } from './tokenizer-config.js';

/**
 * The tokenizer's files to write beside the ONNX file `path`, for transformers.js too; none where the folder, or the one around
 * a folder `onnx`, has them. RangeError where another tokenizer is there, unless `overwrite` is set.
 */
export async function tokenizerBeside(
  where: string,
  path: string,
  parts: ModelParts,
  overwrite: boolean,
): Promise<FileToWrite[]> {
  const files = await tokenizerFiles(parts);
  const main = files.get(TOKENIZER);
  if (main === undefined) return [];
  const folder = dirname(resolve(path));
  const above = basename(folder) === 'onnx' ? await textOf(join(dirname(folder), TOKENIZER)) : null;
  if (above === main) return [];
  const found = new Map<string, string>();
  for (const name of files.keys()) {
    const text = await textOf(join(folder, name));
    if (text !== null) found.set(name, text);
  }
  const isOurs = found.get(TOKENIZER) === main;
  const other = [...found].find(([name, text]) => text !== files.get(name))?.[0];
  if (!isOurs && other !== undefined && !overwrite) {
    const what = `one without another model's ${other} (or pass overwrite: true)`;
    throw rangeMistake(`${where}: folder`, what, dirname(path));
  }
  const missing = isOurs ? [...files].filter(([name]) => !found.has(name)) : [...files];
  return missing.map(([name, text]) => {
    const data = Buffer.from(text);
    return { name, bytes: data.length, write: (file) => file.writeFile(data) };
  });
}

async function tokenizerFiles({
  graph,
  config,
  head,
  tokenizer,
}: ModelParts): Promise<Map<string, string>> {
  const files = new Map(tokenizer.files);
  if (files.size === 0) return files;
  const { model_type: modelType } = savedConfig(graph, config, head).config;
  const options = { maxTokens: graph.maxTokens, replaceLimit: true, modelType, forJs: true };
  return files.set(TOKENIZER_CONFIG, await tokenizerConfig(tokenizer.files, options));
}

/** null for a file that is not there; one that cannot be read is of another tokenizer. */
async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : '';
  }
}
