/**
 * Everything a model consists of, and how a program is filled with weights.
 *
 * Parts are values: what changes a model makes new parts.
 */

import { storedBytes } from '../compress/quantize.js';
import { runJob } from '../core/jobs.js';
import type { JsonObject } from '../core/json.js';
import { type NativeProgram, native, type ProgramOptions, toSinterError } from '../core/native.js';
import type { SentenceSettings, TensorInfo } from '../graph/checkpoint.js';
import { tablesOf } from '../graph/tables.js';
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

/** Bytes of weights that are written before they are packed. */
const PLAIN_BYTES = 8 << 20;

/** Writes all of one weight into a program that is not sealed yet. */
export type WeightWriter = (program: NativeProgram, weight: WeightSpec) => void | Promise<void>;

export interface BuildOptions extends ProgramOptions {
  /** The call in messages. Default: `load`. */
  readonly where?: string;
  readonly signal?: AbortSignal | undefined;
}

/** A sealed program for `graph`, every weight written by `write`. Frees it again when anything fails. */
export async function buildProgram(
  graph: EncoderGraph,
  { where = 'load', signal, ...options }: BuildOptions,
  write: WeightWriter,
): Promise<NativeProgram> {
  let program: NativeProgram | undefined;
  try {
    const made = new (native().Program)(graph, options);
    program = made;
    let plain = 0;
    for (const weight of graph.weights) {
      await write(made, weight);
      plain += storedBytes(weight);
      if (plain < PLAIN_BYTES) continue;
      await runJob(where, signal, (jobId) => made.pack(jobId));
      plain = 0;
    }
    await runJob(where, signal, (jobId) => made.seal(jobId));
    return made;
  } catch (error) {
    program?.dispose();
    throw toSinterError(error);
  }
}

/** Copies weights from another program, where `nameOf` gives their names. */
export function copyFrom(
  source: NativeProgram,
  nameOf: (name: string) => string = (name) => name,
): WeightWriter {
  const halves = new Set(source.halves());
  return (program, { name, dtype }) => {
    const from = nameOf(name);
    if (dtype === 's8') {
      const { data, scales } = source.readQuantized(from);
      program.writeWeight(name, 0, 's8', bytesOf(data));
      program.writeScales(name, scales);
    } else if (halves.has(from)) {
      program.writeWeight(name, 0, 'f16', bytesOf(source.readHalves(from)));
    } else {
      program.writeWeight(name, 0, 'f32', bytesOf(source.readWeight(from)));
    }
  };
}

/** The tables of `graph` that `source` holds in f16: a copy can hold them so, and then share them. */
export function halvesFrom(
  source: NativeProgram,
  graph: EncoderGraph,
  nameOf: (name: string) => string = (name) => name,
): string[] {
  const halves = new Set(source.halves());
  return [...tablesOf(graph)].filter((name) => halves.has(nameOf(name)));
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
