/** A second program of a model, so that one can be freed while the other is in use. */

import type { ModelParts } from '../../runtime/model-parts.js';
import { deriveProgram } from '../../runtime/program.js';
import { SharedProgram } from '../../runtime/shared-program.js';

/** A program of its own over the same weights. */
export async function copyOf(
  parts: ModelParts,
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  const program = await parts.program.use('compress', ({ store }) =>
    deriveProgram(parts.graph, store, { trainable: false, where: 'compress', signal }),
  );
  return { ...parts, program: new SharedProgram(program) };
}
