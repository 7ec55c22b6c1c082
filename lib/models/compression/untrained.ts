/**
 * The untrained form of a shape: layers, heads and neurons go, what stays is fitted, then channels and columns of the token table go.
 *
 * The rule: each step starts from the form that the one before it made, and frees it.
 */

import { factoredTable } from '../../compress/factor-table.js';
import { narrowedHidden } from '../../compress/narrow-hidden.js';
import type { NativeProgram } from '../../native/program.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { FITTED_TEXTS, narrowed, release, type Workshop, withLayers } from './candidates.js';
import { copyOf } from './copy.js';
import type { Shape } from './shapes.js';

/** The untrained form of a shape; the caller frees it. It is never the original's own program, because a training frees it. */
export async function untrainedForm(workshop: Workshop, shape: Shape): Promise<ModelParts> {
  const { teacher, subject, settings } = workshop;
  const { signal } = settings;
  const base = await withLayers(teacher, shape.layers, signal);
  const cut = await narrowed(workshop, base, shape);
  if (cut !== base) await release(base, teacher);
  const { hiddenSize, embeddingSize } = shape;
  const texts = subject.inputs;
  let parts = cut;
  const replace = async (
    work: (program: NativeProgram, from: ModelParts) => Promise<ModelParts>,
  ) => {
    const from = parts;
    try {
      parts = await from.program.use('compress', (program) => work(program, from));
    } finally {
      await release(from, teacher);
    }
  };
  if (hiddenSize !== undefined) {
    const some = texts.slice(0, FITTED_TEXTS);
    await replace(async (program, from) => {
      const options = { texts: some, signal };
      return (await narrowedHidden('compress', from, program, hiddenSize, options)).parts;
    });
  }
  if (embeddingSize !== undefined) {
    await replace(async (program, from) => {
      const options = { texts, signal };
      return (await factoredTable('compress', from, program, embeddingSize, options)).parts;
    });
  }
  return parts === teacher ? copyOf(teacher, signal) : parts;
}
