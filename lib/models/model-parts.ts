/**
 * Everything a model consists of, and how a program is filled with weights.
 *
 * Parts are values: what changes a model makes new parts.
 */

import type { JsonObject } from '../core/json.js';
import { type NativeProgram, native, toSinterError } from '../core/native.js';
import type { SentenceSettings, TensorInfo } from '../graph/checkpoint.js';
import type { EncoderGraph, WeightSpec } from '../graph/types.js';
import type { TextTokenizer } from '../tokenize/text-tokenizer.js';
import type { SharedProgram } from './shared-program.js';

export interface ModelParts {
  /** Where it was loaded from, for messages. */
  readonly path: string;
  readonly graph: EncoderGraph;
  readonly program: SharedProgram;
  readonly tokenizer: TextTokenizer;
  /** config.json that fits the graph. */
  readonly config: JsonObject;
  /** Pooling and prompts of an embedding model; null for other models. */
  readonly sentence: SentenceSettings | null;
  /** In the order of the logits; null for models without a head. */
  readonly labels: readonly string[] | null;
}

/** Writes all of one weight into a program that is not sealed yet. */
export type WeightWriter = (program: NativeProgram, weight: WeightSpec) => void | Promise<void>;

/** A sealed program for `graph`, every weight written by `write`. Frees it again when anything fails. */
export async function buildProgram(
  graph: EncoderGraph,
  options: { readonly trainable: boolean },
  write: WeightWriter,
): Promise<NativeProgram> {
  let program: NativeProgram | undefined;
  try {
    const { Program } = native();
    program = new Program(graph, options);
    for (const weight of graph.weights) await write(program, weight);
    await program.seal();
    return program;
  } catch (error) {
    program?.dispose();
    throw toSinterError(error);
  }
}

/** Copies weights of the same name from another program. */
export function copyFrom(source: NativeProgram): WeightWriter {
  return (program, { name, dtype }) => {
    if (dtype === 's8') {
      const { data, scales } = source.readQuantized(name);
      program.writeWeight(name, 0, 's8', bytesOf(data));
      program.writeScales(name, scales);
    } else {
      program.writeWeight(name, 0, 'f32', bytesOf(source.readWeight(name)));
    }
  };
}

/** The weights of a graph as tensors of a checkpoint in memory. */
export function tensorsOf(graph: EncoderGraph): ReadonlyMap<string, TensorInfo> {
  return new Map(
    graph.weights.map(({ name, shape, dtype }) => [
      name,
      { dtype: dtype === 's8' ? 'I8' : 'F32', shape },
    ]),
  );
}

/** The bytes of a typed array, not copied. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
