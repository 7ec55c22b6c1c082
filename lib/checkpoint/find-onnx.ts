/**
 * Finds out whether a path is an ONNX model, without loading the modules that read one: most processes never import an ONNX
 * file, and those modules would take half of the time and 10 MB at every start.
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError } from '../core/errors.js';
import { fileExists } from '../core/json.js';
import { endInterrupted } from '../files/index.js';
import { ADAPTER_CONFIG } from '../formats/adapter-folder.js';

/** Paths of an ONNX model in a folder without other weights, the preferred one first. */
const PLACES = [
  'model.onnx',
  'onnx/model.onnx',
  'onnx/model_quantized.onnx',
  'model_quantized.onnx',
];
const WEIGHTS = ['model.safetensors', 'pytorch_model.bin'];

/**
 * Returns the ONNX file for `path`: the path itself, or the file in a folder that has no other weights and no adapter; null
 * for other folders.
 */
export async function findOnnxFile(path: string): Promise<string | null> {
  await endInterrupted(path);
  const stats = await stat(path).catch(() => null);
  if (path.endsWith('.onnx')) {
    if (stats?.isFile()) return path;
    const what = stats === null ? 'no such file' : 'not a regular file';
    const code = stats === null ? 'NOT_FOUND' : 'CORRUPT_MODEL';
    throw new SinterError(code, `${path}: ${what}`, { details: { file: path } });
  }
  if (!stats?.isDirectory() || (await fileExists(join(path, ADAPTER_CONFIG)))) return null;
  for (const name of WEIGHTS) {
    for (const file of [name, `${name}.index.json`]) {
      if (await fileExists(join(path, file))) return null;
    }
  }
  for (const place of PLACES) if (await fileExists(join(path, place))) return join(path, place);
  return null;
}
