/**
 * The modules that follow the pooling in a sentence-transformers folder: Dense, LayerNorm, Normalize.
 *
 * Their config.json is read and written here; weight-files.ts reads their weights from the folder `name`.
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { fileExists, type JsonObject, readJsonObject } from '../core/json.js';
import type { SentenceModule } from '../graph/checkpoint.js';
import type { ActivationKind } from '../graph/types.js';
import {
  checkKeys,
  DENSE_KEYS,
  DROPOUT_KEYS,
  type KeyTable,
  LAYER_NORM_KEYS,
  NORMALIZE_KEYS,
} from './sentence-keys.js';

/** Activations of Dense, by the last part of the name of their Python class. */
const ACTIVATIONS: Readonly<Record<string, ActivationKind>> = {
  Identity: 'none',
  Tanh: 'tanh',
  ReLU: 'relu',
  GELU: 'gelu',
  SiLU: 'silu',
};
const PYTHON_NAMES: Readonly<Partial<Record<ActivationKind, string>>> = {
  none: 'torch.nn.modules.linear.Identity',
  tanh: 'torch.nn.modules.activation.Tanh',
  relu: 'torch.nn.modules.activation.ReLU',
  gelu: 'torch.nn.modules.activation.GELU',
  silu: 'torch.nn.modules.activation.SiLU',
};
/** Largest width that a file may declare. */
const MAX_WIDTH = 1 << 20;

/** Module classes that may follow the pooling, with the keys of their config.json. */
const KEYS: Readonly<Record<string, KeyTable>> = {
  Dense: DENSE_KEYS,
  LayerNorm: LAYER_NORM_KEYS,
  Normalize: NORMALIZE_KEYS,
  Dropout: DROPOUT_KEYS,
};

export const AFTER_POOLING: readonly string[] = Object.keys(KEYS);

/**
 * Reads a module of class `kind` from `root`/`name`; null for one that changes no vector. The messages of CORRUPT_MODEL
 * and UNSUPPORTED_MODEL name the file.
 */
export async function readModule(
  root: string,
  kind: string,
  name: string,
): Promise<SentenceModule | null> {
  const file = join(root, name, 'config.json');
  const plain = kind === 'Normalize' || kind === 'Dropout';
  if (name === '' && !plain)
    throw corrupt(join(root, 'modules.json'), `${kind} must have a folder of its own`);
  // Before 5.4 Normalize had no file.
  const config =
    plain && (name === '' || !(await fileExists(file))) ? {} : await readJsonObject(file);
  checkKeys(file, config, KEYS[kind] ?? {});
  if (kind === 'Dropout') return null;
  if (kind === 'Normalize') return { kind: 'normalize' };
  if (kind === 'LayerNorm')
    return { kind: 'layer-norm', name, width: size(file, config, 'dimension') };
  const { bias = true } = config;
  if (typeof bias !== 'boolean')
    throw corrupt(file, `bias must be true or false, got ${show(bias)}`);
  return {
    kind: 'dense',
    name,
    inputs: size(file, config, 'in_features'),
    outputs: size(file, config, 'out_features'),
    bias,
    activation: activation(file, config.activation_function ?? 'Tanh'),
  };
}

function activation(file: string, stated: unknown): ActivationKind {
  const text = typeof stated === 'string' ? stated : '';
  const last = text.slice(text.lastIndexOf('.') + 1);
  const kind = Object.hasOwn(ACTIVATIONS, last) ? ACTIVATIONS[last] : undefined;
  if (kind !== undefined && (text === last || text.startsWith('torch.nn.'))) return kind;
  const known = Object.keys(ACTIVATIONS).join(', ');
  throw unsupported(file, `activation_function ${show(stated)} (supported: ${known} of torch.nn)`);
}

/** Content of a module's config.json; null for Normalize, which has none. */
export function moduleConfig(module: SentenceModule): JsonObject | null {
  if (module.kind === 'normalize') return null;
  if (module.kind === 'layer-norm') return { dimension: module.width };
  const name = PYTHON_NAMES[module.activation];
  if (name === undefined) {
    throw new SinterError('INTERNAL', `no Dense has the activation ${module.activation}`);
  }
  const { inputs, outputs, bias } = module;
  return { in_features: inputs, out_features: outputs, bias, activation_function: name };
}

/** The Python class of a module. */
export function moduleClass({ kind }: SentenceModule): string {
  return kind === 'dense' ? 'Dense' : kind === 'layer-norm' ? 'LayerNorm' : 'Normalize';
}

function size(file: string, config: JsonObject, key: string): number {
  const value = config[key];
  if (Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= MAX_WIDTH) {
    return value as number;
  }
  throw corrupt(file, `${key} must be an integer from 1 to ${MAX_WIDTH}, got ${show(value)}`);
}

function corrupt(file: string, what: string): SinterError {
  return new SinterError('CORRUPT_MODEL', `${file}: ${what}`, { details: { file } });
}

function unsupported(file: string, what: string): SinterError {
  return new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported ${what}`, {
    details: { file },
  });
}
