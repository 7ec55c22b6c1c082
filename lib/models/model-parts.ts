/**
 * Everything a model consists of, and how a program is filled with weights.
 *
 * Parts are values: what changes a model makes new parts.
 */

import { setImmediate } from 'node:timers/promises';
import { storedBytes } from '../compress/quantize.js';
import { runJob } from '../core/jobs.js';
import type { JsonObject } from '../core/json.js';
import { type NativeProgram, native, type ProgramOptions, toSinterError } from '../core/native.js';
import type { ModelHead, SentenceSettings, TensorInfo } from '../graph/checkpoint.js';
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
  /** What the files of sentence-transformers say, of an embedding model or a cross-encoder; null without. */
  readonly sentence: SentenceSettings | null;
  /** Longest text as tokenizer_config.json states it; null when it does not. */
  readonly modelMaxLength: number | null;
  /** The model that it was loaded as, in the caller's words: a path or an id. */
  readonly base: string;
  /** What its last training used (training-record.ts); null where nothing is known. */
  readonly training: JsonObject | null;
  readonly head: ModelHead;
  readonly origin: Origin;
}

/** What is known of where the weights came from. */
export interface Origin {
  /** Weights that were drawn and never trained. */
  readonly untrained: readonly string[];
  /** Tensors of the files that the model does not use. */
  readonly unused: readonly string[];
  /** What was taken for something when it was loaded, a line each. */
  readonly notes: readonly string[];
}

/** Elements that are read or written at once: about a millisecond. */
const PIECE_ELEMENTS = 1 << 20;

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
  return async (program, { name, shape, dtype }) => {
    const from = nameOf(name);
    const [rows = 1, width = 1] = shape;
    const scales = new Float32Array(dtype === 's8' ? rows : 0);
    for (const [begin, end] of rowPieces(shape)) {
      if (dtype === 's8') {
        const piece = source.readQuantized(from, begin, end);
        program.writeWeight(name, begin * width, 's8', bytesOf(piece.data));
        scales.set(piece.scales, begin);
      } else if (halves.has(from)) {
        const piece = bytesOf(source.readHalves(from, begin, end));
        program.writeWeight(name, begin * width, 'f16', piece);
      } else {
        const piece = bytesOf(source.readWeight(from, begin, end));
        program.writeWeight(name, begin * width, 'f32', piece);
      }
      if (end < rows) await setImmediate();
    }
    if (dtype === 's8') program.writeScales(name, scales);
  };
}

/** Rows [begin, end) of a weight, in order: what is handed over before the event loop gets its turn. */
export function* rowPieces([rows = 1, width = 1]: readonly number[]): Generator<[number, number]> {
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / width));
  for (let begin = 0; begin < rows; begin += step) yield [begin, Math.min(rows, begin + step)];
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
