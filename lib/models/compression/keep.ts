/** Saves the parts of a model to a folder of the journal. */

import type { ModelParts } from '../../runtime/model-parts.js';

/** Writes a model folder in f32, codes as they are. */
export async function saveParts(parts: ModelParts, folder: string): Promise<void> {
  const { saveModel } = await import('../../checkpoint/save-model.js');
  await parts.program.use('compress', (program) => saveModel(parts, program, folder, {}));
}
