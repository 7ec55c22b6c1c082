/**
 * A model as a Hugging Face folder.
 *
 * What is loaded again computes the same bits, in f32 and in int8.
 */

import { typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { activationBitsOf, isQuantized, smallestCodes } from '../graph/rewrite/quantize.js';
import type { NativeProgram } from '../native/native.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { withQuantizationConfig } from './quantized-folder.js';

export interface SaveOptions {
  /**
   * How weights are stored that are no codes: `f16` halves the file and rounds them, `held` leaves each as it is in memory.
   * Codes stay what they are.
   */
  readonly dtype?: 'f32' | 'f16' | 'held';
  /** Replace a model folder that is there; one with other files in it is refused. Default: false. */
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
  // Writing is loaded for those who do.
  const { folderContent, inputsOf } = await import('./folder-content.js');
  const { writeHfFolder } = await import('../formats/hf-folder-writer.js');
  const content = folderContent(parts, program, dtype);
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
    { overwrite, ...(await inputsOf(parts, path)) },
  );
}
