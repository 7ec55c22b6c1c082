/**
 * The only names that a pickle may use: storage classes and the functions that build dicts and tensors.
 *
 * A name here is a tag; no function is ever called by it.
 */

import { SinterError, show } from '../../core/errors.js';
import type { SafetensorsDtype } from '../safetensors-header.js';

/** torch's storage classes. */
const STORAGES: Readonly<Record<string, SafetensorsDtype>> = {
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  DoubleStorage: 'F64',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

const BUILDERS: Readonly<Record<string, 'dict' | 'tensor' | 'parameter'>> = {
  'collections OrderedDict': 'dict',
  'torch._utils _rebuild_tensor_v2': 'tensor',
  'torch._utils _rebuild_parameter': 'parameter',
};

/** A global name that the pickle has looked up. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly kind: 'storage' | 'dict' | 'tensor' | 'parameter',
    readonly dtype: SafetensorsDtype,
  ) {}
}

/** Returns the tag of a name. Throws UNSUPPORTED_MODEL, with the name, for any that is not in the lists above. */
export function globalOf(module: string, name: string, file: string): PickleGlobal {
  const dtype = module === 'torch' && Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined;
  if (dtype !== undefined) return new PickleGlobal(name, 'storage', dtype);
  const key = `${module} ${name}`;
  const kind = Object.hasOwn(BUILDERS, key) ? BUILDERS[key] : undefined;
  if (kind !== undefined) return new PickleGlobal(name, kind, 'F32');
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: its pickle names ${show(`${module}.${name}`)}, which is not a plain tensor; nothing of it was run. ` +
      'Convert the file to safetensors where it comes from',
    { details: { file, global: `${module}.${name}`.slice(0, 200) } },
  );
}
