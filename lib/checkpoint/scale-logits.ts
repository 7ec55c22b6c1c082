/**
 * Divides the logits of a model by a number: in the weights of its last product, so that every form of the model has it.
 */

import { SinterError } from '../core/errors.js';
import type { LinearNode } from '../graph/types.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, floatsOf, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';

/** Parts with a new program. Throws UNSUPPORTED_MODEL if the logits are no plain product with weights of its own. */
export async function withDividedLogits(
  where: string,
  parts: ModelParts,
  source: NativeProgram,
  divisor: number,
  signal: AbortSignal | undefined,
): Promise<ModelParts> {
  const { graph } = parts;
  const { weights, biases } = lastProduct(where, parts);
  const divisors = new Map<string, Float32Array>();
  const written = new Map<string, Float32Array>();
  for (const weight of graph.weights) {
    const { name, shape } = weight;
    if (weights.includes(name)) {
      divisors.set(name, new Float32Array(shape[1] ?? 0).fill(divisor));
    } else if (biases.includes(name)) {
      const [values] = await readWhole(where, source.store, weight, 'f32');
      written.set(
        name,
        floatsOf(values as Uint8Array).map((value) => value / divisor),
      );
    }
  }
  const options = { trainable: false, where, signal };
  const program = await deriveProgram(graph, source.store, options, { divisors, written });
  return { ...parts, program: new SharedProgram(program) };
}

function lastProduct(where: string, { graph, path }: ModelParts): LinearNode {
  const last = graph.nodes.find(({ output }) => output === graph.outputs.logits);
  const isPlain = last?.op === 'linear' && last.activation === 'none';
  const names = isPlain ? [...last.weights, ...last.biases] : [];
  const users = graph.nodes.filter(
    (node) =>
      node.op === 'linear' &&
      [...node.weights, ...node.biases].some((name) => names.includes(name)),
  );
  if (isPlain && users.length === 1) return last;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${where}: ${path}: the logits are not the result of a product with weights of its own, so they cannot be divided`,
    { details: { file: path } },
  );
}
