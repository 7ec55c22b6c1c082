/**
 * Loads a model for the classes that users hold.
 *
 * The rule: modules that only loading needs (families, tokenizers, formats) are imported with the first model, so that a
 * program that imports the package starts at once. They are imported inside functions, never at the top of a file.
 */

import { importInTurns } from '../core/turns.js';
import type { GraphRequest } from '../graph/checkpoint.js';
import { native } from '../native/native.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { LoadSettings, PartsOfFolder } from './load-model.js';
import type { OnnxFolder } from './onnx/recovered-folder.js';

/** The imports of the first load of a process. */
let first: Promise<void> | undefined;
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
  const { locateModel } = await locating();
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
  const { beginOnnx } = await locating();
  const onnx = await beginOnnx(where, file, settings);
  const { partsOfOnnx } = await loading();
  return partsOfOnnx(where, onnx, settings, ({ head }) => ({ task: head.task }));
}

async function locating(): Promise<typeof import('./locate-model.js')> {
  first ??= importInTurns([
    // A builtin module of Node that takes as long as thirty of ours.
    () => import('node:crypto'),
    () => import('../files/index.js'),
    async () => native(),
  ]);
  await first;
  return import('./locate-model.js');
}

async function loading(): Promise<typeof import('./load-model.js')> {
  parts ??= importInTurns([
    () => import('../formats/safetensors.js'),
    () => import('../formats/hf-folder.js'),
    () => import('../graph/rewrite/head.js'),
    () => import('../architectures/bert-like.js'),
    () => import('../architectures/write-config.js'),
    () => import('../architectures/index.js'),
    () => import('../tokenize/check/index.js'),
    () => import('../tokenize/tokenizer-files.js'),
    () => import('../tokenize/long-words/source.js'),
    () => import('../tokenize/text-rows.js'),
    () => import('../tokenize/text-tokenizer.js'),
  ]);
  await parts;
  return import('./load-model.js');
}
