/**
 * Loads a model for the classes that users hold.
 *
 * The rule: modules that only loading needs (families, tokenizers, formats) are imported with the first model, so that a
 * program that imports the package starts at once. They are imported inside functions, never at the top of a file.
 */

import { setImmediate } from 'node:timers/promises';
import type { GraphRequest } from '../graph/checkpoint.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { LoadSettings, PartsOfFolder } from './load-model.js';
import type { OnnxFolder } from './onnx/recovered-folder.js';

/** The imports of the first load of a process. */
let parts: Promise<void> | undefined;

/**
 * Loads the folder, the ONNX file or the model id `name` as the kind of model that `request` describes. `where` names the
 * call in messages.
 */
export async function loadModel(
  where: string,
  name: string,
  request: GraphRequest,
  settings: LoadSettings,
): Promise<ModelParts> {
  const { locateModel } = await import('./locate-model.js');
  const located = await locateModel(where, name, settings);
  const { loadLocated } = await loading();
  return loadLocated(where, name, located, request, settings);
}

/** Loads the ONNX file `file` for the task of its own head. */
export async function loadOnnx(
  where: string,
  file: string,
  settings: LoadSettings,
): Promise<PartsOfFolder & { readonly folder: OnnxFolder }> {
  const { beginOnnx } = await import('./locate-model.js');
  const onnx = await beginOnnx(where, file, settings);
  const { partsOfOnnx } = await loading();
  return partsOfOnnx(where, onnx, settings, ({ head }) => ({ task: head.task }));
}

async function loading(): Promise<typeof import('./load-model.js')> {
  parts ??= loadParts();
  await parts;
  return import('./load-model.js');
}

/** Imports the modules one by one: all at once would hold the event loop for some 40 ms. */
async function loadParts(): Promise<void> {
  const some = [
    () => import('../tokenize/make-tokenizer.js'),
    () => import('../formats/hf-folder.js'),
    () => import('../architectures/index.js'),
    () => import('../tokenize/check/index.js'),
    () => import('../tokenize/text-tokenizer.js'),
  ];
  for (const part of some) {
    await part();
    await setImmediate();
  }
}
