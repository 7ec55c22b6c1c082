/**
 * Loads models for the tests of compression, and runs texts through them.
 */
import { fileURLToPath } from 'node:url';
import { EMBEDDED_MODEL } from '../../lib/checkpoint/embedded-model.js';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import type { Task } from '../../lib/graph/checkpoint.js';
import type { OutputName } from '../../lib/graph/types.js';
import type { NativeProgram } from '../../lib/native/program.js';
import { forwardTexts } from '../../lib/runtime/forward.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';

const SETTINGS = { lanes: undefined, signal: undefined, seed: 0 };

export const embedded = (): Promise<ModelParts> =>
  loadModel('test', EMBEDDED_MODEL, { task: 'embedding' }, SETTINGS);

export const fixtureModel = (name: string, task: Task = 'embedding'): Promise<ModelParts> => {
  const path = fileURLToPath(new URL(`../fixtures/encoders/${name}`, import.meta.url));
  return loadModel('test', path, { task }, SETTINGS);
};

/** Runs `work` over the program of a model. */
export const using = <T>(
  parts: ModelParts,
  work: (program: NativeProgram) => Promise<T>,
): Promise<T> => parts.program.use('test', work);

/** A row of `output` for each text. */
export async function vectorsOf(
  parts: ModelParts,
  texts: readonly string[],
  output: OutputName = 'embedding',
): Promise<readonly Float32Array[]> {
  const { graph, tokenizer } = parts;
  const request = { where: 'test', output, maxTokens: graph.maxTokens, truncate: true };
  const options = { ...request, signal: undefined, priority: 'bulk' as const };
  const found = await using(parts, (program) =>
    forwardTexts(program, tokenizer, graph, texts, options),
  );
  return Array.from(texts, (_, i) => found.row(i));
}

/** The mean cosine between the rows of two lists. */
export function meanCosine(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  const dot = (x: Float32Array, y: Float32Array) =>
    x.reduce((sum, one, i) => sum + one * (y[i] ?? 0), 0);
  const cosines = a.map((x, i) => {
    const y = b[i] ?? new Float32Array();
    return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
  });
  return cosines.reduce((sum, one) => sum + one, 0) / cosines.length;
}
