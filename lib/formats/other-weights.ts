/**
 * Finds weights that Sinter does not read in a folder, for the message that refuses the folder.
 *
 * The rule: only names of files are compared; no file is opened.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileExists } from '../core/json.js';

const ONNX = /\.onnx$/;
const WEIGHTS = /\.(?:safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|ot)$/;
/** Files that a training writes beside the weights. */
const NO_WEIGHTS = /^(?:training_args|optimizer|scheduler|scaler|rng_state)/;
/** Names of the folders of sentence-transformers modules, which have a config.json too. */
const MODULE = /^\d+_/;
const SHOWN_NAMES = 6;

/**
 * Returns the end of a message that `folder` has no weights: it names the ONNX files or other weights in it, '' when
 * there are none.
 */
export async function insteadOfWeights(folder: string): Promise<string> {
  const own = await namesIn(folder);
  const inner = await namesIn(join(folder, 'onnx'));
  const onnx = [...own, ...inner.map((name) => `onnx/${name}`)].filter((name) => ONNX.test(name));
  const [first] = onnx;
  if (first !== undefined) {
    const files = onnx.length === 1 ? 'the ONNX file is' : 'the ONNX files are';
    return `; ${files} ${list(onnx)}: load one by its path, ${join(folder, first)}`;
  }
  const weights = own.filter((name) => WEIGHTS.test(name) && !NO_WEIGHTS.test(name));
  if (weights.length === 0) return '';
  const adapter = weights.find((name) => name.startsWith('adapter_'));
  return adapter === undefined
    ? `; weights that are not read: ${list(weights)} (in Python, save_pretrained writes model.safetensors)`
    : `; ${adapter} is an adapter, to be merged into its model in Python first`;
}

/**
 * Returns the end of a message that `folder` has no config.json: other weights as above, or else the folders in it that
 * have a config.json, such as the checkpoints of a training.
 */
export async function insteadOfModel(folder: string): Promise<string> {
  const models: string[] = [];
  for (const name of await namesIn(folder)) {
    const has = !MODULE.test(name) && (await fileExists(join(folder, name, 'config.json')));
    if (has) models.push(name);
  }
  const weights = await insteadOfWeights(folder);
  return models.length === 0 || weights !== ''
    ? weights
    : `; of its folders these have one: ${list(models)}`;
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch((): string[] => [])).sort();
}

function list(names: readonly string[]): string {
  const more = names.length - SHOWN_NAMES;
  const shown = names.slice(0, SHOWN_NAMES).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}
