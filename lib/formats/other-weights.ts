/**
 * What a folder has in place of the files that are read, for the message that refuses it.
 *
 * The rule: names of files are only looked at; nothing here opens one.
 */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileExists } from '../core/json.js';

const ONNX = /\.onnx$/;
const WEIGHTS = /\.(?:safetensors|bin|pt|pth|ckpt|h5|msgpack|gguf|ot)$/;
/** What a training leaves beside its weights. */
const NO_WEIGHTS = /^(?:training_args|optimizer|scheduler|scaler|rng_state)/;
/** Folders of sentence-transformers modules have a config.json too. */
const MODULE = /^\d+_/;
const SHOWN_NAMES = 6;

/** The end of a message that `folder` has no weights: '' where nothing else in it could be meant. */
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

/** The same of a folder without config.json, which may also hold folders that have one: checkpoints of a training. */
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
