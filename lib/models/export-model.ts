/**
 * A model as an ONNX file: picks precision and outputs, and hands the weights over one at a time.
 */

import { createRequire } from 'node:module';
import { isQuantized } from '../compress/quantize.js';
import { typeMistake } from '../core/errors.js';
import type { NativeProgram } from '../core/native.js';
import { readOptions } from '../core/options.js';
import { DEFAULT_OPSET, OPSETS, type Opset } from '../formats/onnx/opsets.js';
import { writeOnnx } from '../formats/onnx/write-onnx.js';
import type { OutputName } from '../graph/types.js';
import type { ModelParts } from './model-parts.js';

export interface OnnxExportOptions {
  /** 14 to 21. 17 (default) is read by every runtime since mid-2022; 20 has GELU as one operator. */
  readonly opset?: Opset;
  /**
   * How the weights of a quantized model are stored. `uint8` (default) gives the same result on every CPU; `int8` is
   * faster where the CPU has VNNI, and wrong in ONNX Runtime where it has not, unless activations have 7 bits.
   */
  readonly weights?: 'uint8' | 'int8';
  /**
   * Range of the quantized activations: `token` (default) as this package computes; `tensor` is one range for the whole
   * batch, faster in ONNX Runtime and less exact; always 8 bits wide, so a model with 7-bit activations refuses it.
   */
  readonly activations?: 'token' | 'tensor';
}

export async function exportModelOnnx(
  parts: ModelParts,
  program: NativeProgram,
  path: string,
  options: OnnxExportOptions,
): Promise<void> {
  if (typeof path !== 'string') throw typeMistake('exportOnnx: path', 'a string', path);
  const read = readOptions('exportOnnx', options, {
    opset: true,
    weights: true,
    activations: true,
  });
  const opset = read.choice('opset', DEFAULT_OPSET, OPSETS);
  const weights = read.choice('weights', 'uint8', ['uint8', 'int8']);
  const activations = read.choice('activations', 'token', ['token', 'tensor']);
  const { graph, head } = parts;
  const { labels } = head;
  const source = {
    f32: async (name: string) => program.readWeight(name),
    s8: async (name: string) => program.readQuantized(name),
  };
  const wanted: OutputName[] = head.task === 'embedding' ? ['hidden', 'embedding'] : ['logits'];
  await writeOnnx(path, graph, source, {
    opset,
    weights,
    activations,
    precision: isQuantized(graph) ? 'int8' : 'f32',
    outputs: wanted.filter((name) => graph.outputs[name] !== undefined),
    producerVersion: packageVersion(),
    ...(labels === null ? {} : { metadata: { labels: JSON.stringify(labels) } }),
  });
}

function packageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require('../../package.json') as { version: string }).version;
}
