/**
 * Loading a model folder as what it is: a classifier when its config.json says so, else an encoder.
 *
 * The rule: a model folder's own config decides, so that quantize, convert and bench need no option for it.
 */
import { join } from 'node:path';
import { readJsonObject } from '../core/json.js';
import { readHfFolder } from '../formats/hf-folder.js';
import { resolveModel } from '../hub/index.js';
import { Classifier } from '../models/classifier.js';
import { Encoder } from '../models/encoder.js';
import { EMBEDDED_MODEL } from '../models/load-model.js';

export interface OpenOptions {
  readonly lanes?: number;
  readonly signal?: AbortSignal;
}

/** A loaded model and what kind it is. */
export type OpenModel =
  | { readonly kind: 'encoder'; readonly model: Encoder; readonly path: string }
  | { readonly kind: 'classifier'; readonly model: Classifier; readonly path: string };

/** Whether the folder holds a classifier. CORRUPT_MODEL where there is no model at all. */
export async function isClassifierFolder(path: string): Promise<boolean> {
  // Says what is missing when the folder is no model.
  await (await readHfFolder(path)).close();
  const { architectures } = await readJsonObject(join(path, 'config.json'));
  const names: readonly unknown[] = Array.isArray(architectures) ? architectures : [];
  return names.some(
    (name) => typeof name === 'string' && name.endsWith('ForSequenceClassification'),
  );
}

/** Loads the folder; without a path, the embedded encoder. */
export async function openModel(
  folder: string | undefined,
  options: OpenOptions = {},
): Promise<OpenModel> {
  const path = folder === undefined ? EMBEDDED_MODEL : await resolveModel('--model', folder);
  if (folder !== undefined && (await isClassifierFolder(path))) {
    return { kind: 'classifier', model: await Classifier.load(path, options), path };
  }
  return { kind: 'encoder', model: await Encoder.load(path, options), path };
}
