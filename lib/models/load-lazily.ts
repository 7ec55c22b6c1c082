/**
 * Loading a model, for the classes that users hold.
 *
 * The rule: what only loading needs (families, tokenizers, formats) is loaded with the first model, so that a program which
 * imports the package starts at once. Such modules are imported in the functions that need them, never above.
 */

import type { GraphRequest } from '../graph/checkpoint.js';
import type { LoadSettings } from './load-model.js';
import type { ModelParts } from './model-parts.js';

/** Loads the folder, the ONNX file or the model id `name` as what `request` asks for. `where` names the call in messages. */
export async function loadModel(
  where: string,
  name: string,
  request: GraphRequest,
  settings: LoadSettings,
): Promise<ModelParts> {
  const loading = await import('./load-model.js');
  return loading.loadModel(where, name, request, settings);
}
