/**
 * Loading a model, for the classes that users hold.
 *
 * The rule: what only loading needs (families, tokenizers, formats) is loaded with the first model, so that a program which
 * imports the package starts at once. Such modules are imported in the functions that need them, never above.
 */

import { setImmediate } from 'node:timers/promises';
import type { GraphRequest } from '../graph/checkpoint.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { LoadSettings, PartsOfFolder } from './load-model.js';
import type { OnnxFolder } from './onnx/recovered-folder.js';

/** In the first load of a process. */
let parts: Promise<void> | undefined;

/** Loads the folder, the ONNX file or the model id `name` as what `request` asks for. `where` names the call in messages. */
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

/** Loads the ONNX file `file` as what it is. */
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

/** All at once would hold the event loop for some 40 ms. */
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
