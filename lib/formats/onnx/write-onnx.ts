/**
 * Writes a model as one ONNX file with standard operators only.
 *
 * The description is built first and holds no numbers; weights are then streamed into a temporary file, one at a
 * time, which gets its name only when it is complete.
 */

import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { rangeMistake, SinterError } from '../../core/errors.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import { validateGraph } from '../../graph/validate.js';
import { writeFileAtomic } from '../atomic-file.js';
import { exportGraph } from './export-graph.js';
import { modelMessage } from './proto.js';
import type { IntegerForm, WeightSource } from './weights.js';
import type { WireMessage } from './wire.js';

/** The lowest IR version that each opset belongs to: older runtimes refuse newer ones unseen. */
const IR_VERSIONS = { 17: 8, 20: 9 } as const;

/** What protobuf readers accept as one message. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

export interface OnnxOptions {
  /** 17 (default) is read by every runtime since mid-2022; 20 has GELU as one operator. */
  readonly opset?: 17 | 20;
  /**
   * `f32` widens quantized weights; `int8` computes them with DynamicQuantizeLinear and MatMulInteger, and
   * needs a graph that has s8 weights.
   */
  readonly precision: 'f32' | 'int8';
  /**
   * How int8 weights are stored, without loss either way. `uint8` (default, zero point 128) sums
   * exactly on every CPU. `int8` is faster where the CPU has VNNI or dot-product instructions; without them,
   * ONNX Runtime's sums of u8 x s8 products saturate and the result is wrong, unless activations have 7 bits.
   */
  readonly weights?: IntegerForm;
  /**
   * Range of the quantized activations: `token` (default) is what this package computes itself; `tensor` is
   * one range for the whole batch, faster and less exact, and the result depends on padding and batch mates; it needs
   * activations of 8 bits.
   */
  readonly activations?: 'token' | 'tensor';
  /** Which outputs of the graph the file computes. */
  readonly outputs: readonly OutputName[];
  /** Version of this package. */
  readonly producerVersion: string;
  /** Free key-value pairs kept in the file (metadata_props). */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes `graph` to `path`, replacing a file that is there. Inputs: input_ids, attention_mask and (where the
 * model has segments) token_type_ids, i64 [batch, sequence], padding on the right. Outputs, f32:
 * last_hidden_state [batch, sequence, hidden] (positions with mask 0 are undefined), logits [batch, labels],
 * sentence_embedding and pooler_output [batch, hidden], hidden_states.N as last_hidden_state.
 *
 * Throws RangeError for an option that does not fit the graph or a folder that does not exist, SinterError
 * UNSUPPORTED_MODEL above 2 GB and CORRUPT_MODEL for a weight of the wrong length; then no file is left.
 */
export async function writeOnnx(
  path: string,
  graph: EncoderGraph,
  weights: WeightSource,
  options: OnnxOptions,
): Promise<void> {
  const message = describe(graph, weights, options);
  if (message.size > MAX_FILE_BYTES) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path} would have ${message.size} bytes; an ONNX file can hold ${MAX_FILE_BYTES}`,
      { details: { file: path, bytes: message.size } },
    );
  }
  await checkFolder(path);
  await writeFileAtomic(path, async (file) => {
    for await (const chunk of message.chunks()) await file.writeFile(chunk);
  });
}

function describe(graph: EncoderGraph, weights: WeightSource, options: OnnxOptions): WireMessage {
  validateGraph(graph);
  const opset = options.opset ?? 17;
  const irVersion = IR_VERSIONS[opset];
  if (irVersion === undefined) throw rangeMistake('opset', '17 or 20', opset);
  const { precision, weights: form = 'uint8', activations = 'token' } = options;
  checkChoice('precision', precision, ['f32', 'int8']);
  checkChoice('weights', form, ['uint8', 'int8']);
  checkChoice('activations', activations, ['token', 'tensor']);
  const integer = precision === 'int8' ? { weights: form, activations } : null;
  if (integer !== null && !graph.weights.some((weight) => weight.dtype === 's8')) {
    throw rangeMistake('precision', '"f32" for a model that is not quantized', precision);
  }
  const narrow = graph.nodes.some((node) => node.op === 'linear' && node.activationBits !== 8);
  if (integer?.activations === 'tensor' && narrow) {
    const what = '"token" for a model with 7-bit activations (a range per tensor has 8 bits)';
    throw rangeMistake('activations', what, activations);
  }
  return modelMessage({
    irVersion,
    opset,
    producerName: 'sinter',
    producerVersion: options.producerVersion,
    docString: `${graph.architecture} encoder, at most ${graph.maxTokens} tokens, padding on the right`,
    graph: exportGraph(graph, weights, { opset, integer, outputs: options.outputs }),
    metadata: options.metadata ?? {},
  });
}

function checkChoice(where: string, value: string, choices: readonly string[]): void {
  if (choices.includes(value)) return;
  throw rangeMistake(where, choices.map((choice) => `"${choice}"`).join(' or '), value);
}

async function checkFolder(path: string): Promise<void> {
  const folder = dirname(resolve(path));
  const entry = await stat(folder).catch(() => null);
  if (!entry?.isDirectory()) throw rangeMistake('path', 'in a folder that exists', path);
}
