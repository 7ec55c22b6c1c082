/**
 * Saves a model as a Hugging Face folder.
 *
 * The saved model, loaded again, computes the same bits, in f32 and in int8.
 */

import { typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { activationBitsOf, isQuantized, smallestCodes } from '../graph/rewrite/quantize.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { withQuantizationConfig } from './quantized-folder.js';

/** Options of `save`. */
export interface SaveOptions {
  /**
   * Storage of weights that are no codes: `f16` halves the file and rounds them, `held` leaves each as it is in memory. Codes
   * stay unchanged.
   */
  readonly dtype?: 'f32' | 'f16' | 'held';
  /** Whether to replace an existing model folder; one with other files in it is refused. Default: false. */
  readonly overwrite?: boolean;
}

export async function saveModel(
  parts: ModelParts,
  program: NativeProgram,
  path: string,
  options: SaveOptions,
): Promise<void> {
  if (typeof path !== 'string') throw typeMistake('save: path', 'a string', path);
  const read = readOptions('save', options, { dtype: true, overwrite: true });
  const dtype = read.choice('dtype', 'f32', ['f32', 'f16', 'held']);
  const overwrite = read.boolean('overwrite', false);
  // Imported here, because only saving needs it.
  const { folderContent, inputsOf } = await import('./folder-content.js');
  const { writeHfFolder } = await import('../formats/hf-folder-writer.js');
  const content = await folderContent(parts, program, dtype);
  const config = isQuantized(parts.graph)
    ? withQuantizationConfig(
        content.config,
        activationBitsOf(parts.graph) ?? 8,
        smallestCodes(parts.graph),
      )
    : content.config;
  await writeHfFolder(
    path,
    { ...content, config },
    { where: 'save', overwrite, ...(await inputsOf(parts, path)) },
  );
}
