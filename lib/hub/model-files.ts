/**
 * Chooses the files of a repository that a model needs: those that Sinter reads, with the weights in one format only.
 *
 * Names come from the hub: one that could lead out of the model's folder throws instead of being skipped.
 */

import { SinterError } from '../core/errors.js';
import { SMALL_FILES } from '../formats/small-files.js';

/** Files that are taken whenever they exist. */
const SMALL: ReadonlySet<string> = new Set(SMALL_FILES);
/** Folders of sentence-transformers modules: `1_Pooling`, `2_Dense`. */
const MODULE = /^\d+_[A-Za-z]+\//;
/** Formats of weights, best first; the first one that the repository has is taken. */
const WEIGHTS: readonly ((name: string) => boolean)[] = [
  (name) => name === 'model.safetensors',
  (name) => /^model(-\d+-of-\d+)?\.safetensors(\.index\.json)?$/.test(name),
  (name) => /^pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?$/.test(name),
  (name) => /^(onnx\/)?model\.onnx(_data|\.data)?$/.test(name),
  (name) => /^(onnx\/)?model_quantized\.onnx(_data|\.data)?$/.test(name),
];

/** Throws UNAVAILABLE if a name is not a plain relative path. */
export function checkFileName(name: string): void {
  const parts = name.split('/');
  const plain = name.length <= 512 && !/[\\\0:]/.test(name);
  if (plain && parts.every((part) => part !== '' && part !== '.' && part !== '..')) return;
  throw new SinterError('UNAVAILABLE', `the hub lists a file ${JSON.stringify(name)}: refused`);
}

/** The files to download of all files of a repository; `include` adds those that match one of its patterns (`onnx/*`). */
export function chooseFiles(names: readonly string[], include: readonly string[] = []): string[] {
  for (const name of names) checkFileName(name);
  const weights = WEIGHTS.map((fits) => names.filter(fits)).find((found) => found.length > 0) ?? [];
  const wanted = new Set(weights);
  const bin = (name: string) =>
    name.endsWith('.bin') &&
    !names.includes(name.replace('pytorch_model.bin', 'model.safetensors'));
  for (const name of names) {
    const inModule = MODULE.test(name) && (/\.(json|safetensors)$/.test(name) || bin(name));
    if (SMALL.has(name) || inModule || include.some((pattern) => matches(name, pattern)))
      wanted.add(name);
  }
  return names.filter((name) => wanted.has(name));
}

/** `*` stands for any characters, slashes too, as in huggingface_hub's patterns. */
function matches(name: string, pattern: string): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(name);
}
