/**
 * Checks that a folder is a model as Sinter writes it and holds nothing else: only such a folder may be replaced as a
 * whole.
 *
 * Every file must match a path that Sinter writes; the refusal names files that do not (notes, a package.json, another
 * tool's weights). A new kind of file that Sinter writes needs a pattern here.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rangeMistake } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { contentOf } from '../files/index.js';
import { SINTER_FILE } from '../graph/sinter-file.js';

/** Patterns of the paths in a model folder, with `/` between folders. */
const OF_A_MODEL: readonly RegExp[] = [
  /^(config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|training|compression|sinter)\.json$/,
  /^model\.safetensors$/,
  /^(vocab|merges)\.txt$/,
  // sentence-transformers: modules, settings, and a folder for each module.
  /^(modules|sentence_\w+_config|config_sentence_transformers)\.json$/,
  /^\d+_[A-Z]\w*\/(config\.json|model\.safetensors)$/,
  // Adapters of a training, alone.
  /^adapter\/(adapter_config\.json|adapter_model\.safetensors|head_config\.json)$/,
  // Of a compression: its report, and the tokenizer's files beside its ONNX file.
  /^report\.(html|json)$/,
  /^onnx\/((tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json|(vocab|merges)\.txt)$/,
  /^onnx\/model(_fp16|_quantized|_int8|_q4|_qdq)?\.onnx(_data)?$/,
];
const OF_AN_ADAPTER = /^(adapter_config\.json|adapter_model\.safetensors|head_config\.json)$/;
const WEIGHTS = /^(model\.safetensors|onnx\/model\w*\.onnx)$/;

/** Folder of the second model, which `train --quantize` writes into the first. */
const INNER = /^int8\//;
const OF_A_QUICKSTART: readonly RegExp[] = [
  /^(report\.html|quickstart\.json|model\.onnx|model-int8\.onnx)$/,
  // The tokenizer's files beside the ONNX files.
  /^(tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$/,
  /^(vocab|merges)\.txt$/,
];
const MODELS_OF_A_QUICKSTART = /^model(-int8)?\//;
/** Files that operating systems add to any folder. */
const OF_THE_SYSTEM = /^(.*\/)?(\.DS_Store|Thumbs\.db|desktop\.ini)$/;

/** Number of foreign files that a message names. */
const NAMED = 3;
/** Number of files after which a folder is not read further. */
const MANY = 1000;

/** Throws RangeError, naming foreign files, unless the folder is a model that Sinter may have written. */
export async function checkOwnModel(folder: string): Promise<void> {
  const files = await filesIn(folder);
  refuseOthers(folder, files, (path) => isOfModel(path.replace(INNER, '')));
  const isWhole = files.some((path) => WEIGHTS.test(path));
  if (isWhole && (await hasModelConfig(folder))) return;
  throw rangeMistake(
    'folder',
    "new, empty, or a folder with a model's weights and config.json to overwrite",
    folder,
  );
}

/** Throws RangeError, naming foreign files, unless the folder holds an adapter of `peft` and nothing else. */
export async function checkOwnAdapter(folder: string): Promise<void> {
  const files = await filesIn(folder);
  refuseOthers(folder, files, (path) => OF_AN_ADAPTER.test(path));
  if (files.includes('adapter_config.json')) return;
  throw rangeMistake('folder', 'new, empty, or a folder with an adapter to overwrite', folder);
}

/** Throws RangeError, naming foreign files, unless the folder is one that the quickstart writes. */
export async function checkOwnQuickstart(folder: string): Promise<void> {
  const files = await filesIn(folder);
  if (!files.includes('quickstart.json')) {
    throw rangeMistake('folder', 'new, empty, or a folder of the quickstart', folder);
  }
  refuseOthers(folder, files, (path) =>
    MODELS_OF_A_QUICKSTART.test(path)
      ? isOfModel(path.replace(MODELS_OF_A_QUICKSTART, ''))
      : OF_A_QUICKSTART.some((known) => known.test(path)),
  );
}

function isOfModel(path: string): boolean {
  return OF_A_MODEL.some((known) => known.test(path));
}

function refuseOthers(
  folder: string,
  files: readonly string[],
  isOwn: (path: string) => boolean,
): void {
  const others = files.filter((path) => !isOwn(path) && !OF_THE_SYSTEM.test(path));
  if (others.length === 0) return;
  const named = others.slice(0, NAMED).join(', ');
  const more = others.length > NAMED ? ` and ${others.length - NAMED} more` : '';
  const what = `new, empty, or a model folder with nothing else in it (it holds ${named}${more})`;
  throw rangeMistake('folder', what, folder);
}

/**
 * Whether the folder has the config of a model. The config.json of an application has no model_type, and its
 * sinter.json no `model`.
 */
async function hasModelConfig(folder: string): Promise<boolean> {
  const [config, own] = await Promise.all([
    readJson(join(folder, 'config.json')),
    readJson(join(folder, SINTER_FILE)),
  ]);
  return typeof config?.model_type === 'string' || isJsonObject(own?.model ?? null);
}

/** Reads a JSON object; null when the file is missing or holds anything else. */
async function readJson(file: string): Promise<JsonObject | null> {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as JsonValue;
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * Lists the paths of all files but leftovers of interrupted writes. A path that is neither file nor folder gets a mark.
 */
async function filesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  const open: string[] = [''];
  for (let at = open.pop(); at !== undefined && found.length < MANY; at = open.pop()) {
    const own = new Set(await contentOf(join(folder, at)));
    for (const entry of await readdir(join(folder, at), { withFileTypes: true })) {
      if (!own.has(entry.name)) continue;
      const path = `${at}${entry.name}`;
      if (entry.isDirectory()) open.push(`${path}/`);
      else found.push(entry.isFile() ? path : `${path} (no plain file)`);
    }
  }
  return found.sort();
}
