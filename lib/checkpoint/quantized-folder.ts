/**
 * How a quantized model looks in a folder: `name` as I8, `name_scale` as F32 (one per row), for some the equalizer of
 * their input `name_equalizer` as F32 (one per column), and a `quantization_config` in config.json.
 *
 * Architectures know float checkpoints only; this file shows them a quantized one as if it were one.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { ImportedModel, TensorInfo } from '../graph/checkpoint.js';
import { equalizerName, withEqualizers } from '../graph/rewrite/equalize.js';
import { quantizableWeights, quantizeGraph } from '../graph/rewrite/quantize.js';
import type { ActivationBits } from '../graph/types.js';

export const QUANT_METHOD = 'sinter';
const CONFIG_KEY = 'quantization_config';
const ACTIVATION_BITS: readonly ActivationBits[] = [8, 7];

/** Name of the tensor with the scales of an I8 tensor. */
export function scaleName(tensor: string): string {
  return `${tensor}_scale`;
}

/** config.json of a quantized model. */
export function withQuantizationConfig(
  config: JsonObject,
  activationBits: ActivationBits,
): JsonObject {
  const settings = { quant_method: QUANT_METHOD, bits: 8, activation_bits: activationBits };
  return { ...config, [CONFIG_KEY]: settings };
}

export function withoutQuantizationConfig(config: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== CONFIG_KEY));
}

/** A checkpoint's tensors as floats, which of them are I8, and how wide activations are at products with these. */
export interface QuantizedTensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly quantized: ReadonlySet<string>;
  /** Those of `quantized` that have an equalizer. */
  readonly equalized: ReadonlySet<string>;
  readonly activationBits: ActivationBits;
}

/**
 * Reads `quantization_config`: without one, the tensors are as they are. Throws UNSUPPORTED_MODEL for another method,
 * CORRUPT_MODEL for an I8 tensor without fitting scales.
 */
export function readQuantizedTensors(
  path: string,
  config: JsonObject,
  tensors: ReadonlyMap<string, TensorInfo>,
): QuantizedTensors {
  const settings = config[CONFIG_KEY];
  if (settings === undefined || settings === null) {
    return { tensors, quantized: new Set(), equalized: new Set(), activationBits: 8 };
  }
  const activationBits = readActivationBits(`${path}/config.json`, settings);
  const floats = new Map(tensors);
  const quantized = new Set<string>();
  const equalized = new Set<string>();
  for (const [name, { dtype, shape }] of tensors) {
    if (dtype !== 'I8') continue;
    checkScales(path, name, shape, tensors.get(scaleName(name)));
    floats.set(name, { dtype: 'F32', shape });
    floats.delete(scaleName(name));
    quantized.add(name);
    const equalizer = tensors.get(equalizerName(name));
    if (equalizer === undefined) continue;
    checkEqualizer(path, name, shape, equalizer);
    floats.delete(equalizerName(name));
    equalized.add(name);
  }
  return { tensors: floats, quantized, equalized, activationBits };
}

/**
 * The imported model as what the folder holds: weights from I8 tensors are s8, with the equalizers that the folder has.
 * Throws UNSUPPORTED_MODEL for an I8 tensor where Sinter computes in f32, CORRUPT_MODEL for an equalizer of no product.
 */
export function asQuantized(
  path: string,
  imported: ImportedModel,
  { quantized, equalized, activationBits }: QuantizedTensors,
): ImportedModel {
  if (quantized.size === 0) return imported;
  const allowed = quantizableWeights(imported.graph, { embeddings: true });
  const names = new Set<string>();
  for (const [name, tensor] of imported.sources) {
    if (!quantized.has(tensor)) continue;
    if (!allowed.has(name)) {
      throw new SinterError('UNSUPPORTED_MODEL', `${path}: tensor ${tensor} must not be I8`, {
        details: { file: path, tensor },
      });
    }
    names.add(name);
  }
  const plain = quantizeGraph(imported.graph, names, activationBits);
  const sources = new Map(imported.sources);
  const products = new Set<string>();
  const placed = new Set<string>();
  for (const node of plain.nodes) {
    const [first = ''] = node.op === 'linear' ? node.weights : [];
    const tensor = sources.get(first);
    if (tensor === undefined || !equalized.has(tensor)) continue;
    products.add(node.output);
    placed.add(tensor);
    sources.set(equalizerName(first), equalizerName(tensor));
  }
  for (const tensor of equalized) {
    if (placed.has(tensor)) continue;
    throw new SinterError(
      'CORRUPT_MODEL',
      `${path}: tensor ${tensor} must have no equalizer: it is not the first weight of a product`,
      { details: { file: path, tensor: equalizerName(tensor) } },
    );
  }
  return { ...imported, graph: withEqualizers(plain, products), sources };
}

function readActivationBits(file: string, settings: unknown): ActivationBits {
  const { quant_method: method, activation_bits: bits } = isJsonObject(settings as JsonObject)
    ? (settings as JsonObject)
    : {};
  const known = ACTIVATION_BITS.find((width) => width === bits);
  if (method === QUANT_METHOD && known !== undefined) return known;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: unsupported ${CONFIG_KEY}: quant_method ${show(method)}, activation_bits ${show(bits)} ` +
      `(supported: ${show(QUANT_METHOD)} with ${ACTIVATION_BITS.join(' or ')})`,
    { details: { file } },
  );
}

function checkScales(
  path: string,
  name: string,
  shape: readonly number[],
  scales: TensorInfo | undefined,
): void {
  const fits = scales?.dtype === 'F32' && scales.shape.length === 1 && scales.shape[0] === shape[0];
  if (fits && shape.length === 2) return;
  const found = scales === undefined ? 'nothing' : `${scales.dtype} [${scales.shape.join(', ')}]`;
  throw new SinterError(
    'CORRUPT_MODEL',
    `${path}: tensor ${scaleName(name)} must be F32 [${shape[0] ?? ''}], one scale per row of the ` +
      `I8 matrix ${name} [${shape.join(', ')}], got ${found}`,
    { details: { file: path, tensor: scaleName(name) } },
  );
}

function checkEqualizer(
  path: string,
  name: string,
  shape: readonly number[],
  { dtype, shape: got }: TensorInfo,
): void {
  if (dtype === 'F32' && got.length === 1 && got[0] === shape[1]) return;
  throw new SinterError(
    'CORRUPT_MODEL',
    `${path}: tensor ${equalizerName(name)} must be F32 [${shape[1] ?? ''}], one number per column ` +
      `of ${name} [${shape.join(', ')}], got ${dtype} [${got.join(', ')}]`,
    { details: { file: path, tensor: equalizerName(name) } },
  );
}
