/**
 * The list of tensors for the weights of a recovered graph, as a model file would have it.
 */

import type { RecoveredWeight } from '../../formats/onnx/import/index.js';
import type { StoredTensor } from '../../formats/weight-files.js';
import { partTensor, STORAGES } from '../../graph/storages.js';

/** Name of the tensor with the scales of a weight that stays int8. */
const scaleName = (name: string) => partTensor(name, STORAGES.s8.parts[1]);

export interface OnnxTensorSet {
  readonly sources: ReadonlyMap<string, RecoveredWeight>;
  /** Names of the weights that stay int8. */
  readonly quantized: ReadonlySet<string>;
}

/** Tensors by name, including the scales of weights that stay int8. */
export function tensorSet({ sources, quantized }: OnnxTensorSet): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const [name, source] of sources) {
    const shape = shapeOf(source);
    tensors.set(name, { dtype: quantized.has(name) ? 'I8' : 'F32', shape });
    if (!quantized.has(name)) continue;
    tensors.set(scaleName(name), { dtype: 'F32', shape: shape.slice(0, 1) });
  }
  return tensors;
}

/** For each tensor of scales the name of its weight. */
export function namesOfScales(quantized: ReadonlySet<string>): Map<string, string> {
  return new Map([...quantized].map((name) => [scaleName(name), name]));
}

function shapeOf(source: RecoveredWeight): readonly number[] {
  if (source.kind === 'vector') return [source.vector.values.length];
  return [source.matrix.rows, source.matrix.columns];
}
