/**
 * The form of a quantized model in a folder: `name` holds codes, a tensor `name_<part>` each further part of the storage
 * (`name_scale`), `name_equalizer` (F32, one per column) the equalizer of the input if there is one, and config.json a
 * `quantization_config`.
 *
 * Architectures know float checkpoints only; this file makes a quantized one look like a float one.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';
import type { ImportedModel, TensorInfo } from '../graph/checkpoint.js';
import { equalizerName, withEqualizers } from '../graph/rewrite/equalize.js';
import { quantizableWeights, storeCodes } from '../graph/rewrite/quantize.js';
import { codesStoredAs, partTensor, STORAGES } from '../graph/storages.js';
import type { ActivationBits, WeightDtype } from '../graph/types.js';

export const QUANT_METHOD = 'sinter';
const CONFIG_KEY = 'quantization_config';
const ACTIVATION_BITS: readonly ActivationBits[] = [8, 7];

/** Adds `quantization_config` to config.json: the width of activations, and `bits` of the smallest codes. */
export function withQuantizationConfig(
  config: JsonObject,
  activationBits: ActivationBits,
  bits = 8,
): JsonObject {
  const settings = { quant_method: QUANT_METHOD, bits, activation_bits: activationBits };
  return { ...config, [CONFIG_KEY]: settings };
}

export function withoutQuantizationConfig(config: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(config).filter(([key]) => key !== CONFIG_KEY));
}

/** The tensors of a checkpoint as floats, which of them are codes, and the width of activations at products with these. */
export interface QuantizedTensors {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The storage of each tensor of codes. */
  readonly quantized: ReadonlyMap<string, WeightDtype>;
  /** Names of the tensors that are further parts of others. */
  readonly parts: ReadonlySet<string>;
  /** Names of the tensors in `quantized` that have an equalizer. */
  readonly equalized: ReadonlySet<string>;
  readonly activationBits: ActivationBits;
}

/**
 * Reads `quantization_config`; without one, all tensors stay unchanged. Throws UNSUPPORTED_MODEL for another method,
 * CORRUPT_MODEL for a tensor of codes without fitting parts.
 */
export function readQuantizedTensors(
  path: string,
  config: JsonObject,
  tensors: ReadonlyMap<string, TensorInfo>,
): QuantizedTensors {
  const settings = config[CONFIG_KEY];
  if (settings === undefined || settings === null) {
    return {
      tensors,
      quantized: new Map(),
      parts: new Set(),
      equalized: new Set(),
      activationBits: 8,
    };
  }
  const activationBits = readActivationBits(`${path}/config.json`, settings);
  const floats = new Map(tensors);
  const quantized = new Map<string, WeightDtype>();
  const parts = new Set<string>();
  const equalized = new Set<string>();
  const further = furtherParts(tensors);
  for (const [name, info] of tensors) {
    const storage = codesStoredAs(info.dtype);
    if (storage === null || further.has(name)) continue;
    for (const part of checkParts(path, name, info, storage, tensors)) {
      floats.delete(part);
      parts.add(part);
    }
    const shape = STORAGES[storage].weightShape(info.shape);
    floats.set(name, { dtype: 'F32', shape });
    quantized.set(name, storage);
    const equalizer = tensors.get(equalizerName(name));
    if (equalizer === undefined) continue;
    checkEqualizer(path, name, shape, equalizer);
    floats.delete(equalizerName(name));
    equalized.add(name);
  }
  return { tensors: floats, quantized, parts, equalized, activationBits };
}

/**
 * Returns the imported model with the storages of the folder: weights from tensors of codes keep their codes, with the
 * folder's equalizers. Throws UNSUPPORTED_MODEL for codes where Sinter computes in f32, CORRUPT_MODEL for an equalizer of no
 * product.
 */
export function asQuantized(
  path: string,
  imported: ImportedModel,
  { quantized, equalized, activationBits }: QuantizedTensors,
): ImportedModel {
  if (quantized.size === 0) return imported;
  const allowed = quantizableWeights(imported.graph, { embeddings: true });
  const storages = new Map<string, WeightDtype>();
  for (const [name, tensor] of imported.sources) {
    const storage = quantized.get(tensor);
    if (storage === undefined) continue;
    if (!allowed.has(name)) {
      const dtype = STORAGES[storage].parts[0].tensor;
      throw new SinterError('UNSUPPORTED_MODEL', `${path}: tensor ${tensor} must not be ${dtype}`, {
        details: { file: path, tensor },
      });
    }
    storages.set(name, storage);
  }
  const plain = storeCodes(imported.graph, storages, activationBits);
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

/** Names of the tensors that are further parts of others. They must be told apart, because zero points look like codes. */
function furtherParts(tensors: ReadonlyMap<string, TensorInfo>): ReadonlySet<string> {
  const names = [...tensors].flatMap(([name, { dtype }]) => {
    const storage = codesStoredAs(dtype);
    return storage === null
      ? []
      : STORAGES[storage].parts.slice(1).map((part) => partTensor(name, part));
  });
  return new Set(names);
}

/** Returns the names of the further parts of a matrix of codes. CORRUPT_MODEL where one does not fit. */
function checkParts(
  path: string,
  name: string,
  { dtype, shape: own }: TensorInfo,
  storage: WeightDtype,
  tensors: ReadonlyMap<string, TensorInfo>,
): string[] {
  const { parts, weightShape } = STORAGES[storage];
  const shape = weightShape(own);
  return parts.slice(1).map((part) => {
    const tensor = partTensor(name, part);
    const found = tensors.get(tensor);
    const wanted = describe(part.tensor, part.shapeOf(shape));
    const got = found === undefined ? 'nothing' : describe(found.dtype, found.shape);
    if (own.length === 2 && got === wanted) return tensor;
    throw new SinterError(
      'CORRUPT_MODEL',
      `${path}: tensor ${tensor} must be ${wanted}, the ${part.name}s of the ` +
        `matrix ${name}, ${describe(dtype, own)}, got ${got}`,
      { details: { file: path, tensor } },
    );
  });
}

function describe(dtype: string, shape: readonly number[]): string {
  return `${dtype} [${shape.join(', ')}]`;
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
