/**
 * Removes the additions of training wrappers from tensor names: `module.` of DataParallel, `_orig_mod.` of torch.compile and
 * the like are not part of the model.
 */

import { SinterError } from '../core/errors.js';
import type { Checkpoint, TensorInfo } from '../graph/checkpoint.js';

/** Component of a name -> the wrapper that adds it. */
const WRAPPERS: Readonly<Record<string, string>> = {
  module: 'DataParallel',
  _orig_mod: 'torch.compile',
  _fsdp_wrapped_module: 'FSDP',
  _checkpoint_wrapped_module: 'activation checkpointing',
};
/** Prefix of names that were saved from a module which holds the whole model as `model`. */
const OUTER = 'model.';

export interface PlainNames {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The stored name of a plain name. */
  readonly stored: (name: string) => string;
  readonly notes: readonly string[];
}

/**
 * The tensors by their plain names. `prefix`: the family's prefix. Throws CORRUPT_MODEL if two tensors have the same plain
 * name.
 */
export function plainNames({ tensors, path }: Checkpoint, prefix: string): PlainNames {
  const removed = new Set<string>();
  const unwrapped = new Map<string, string>();
  for (const stored of tensors.keys()) {
    const parts = stored.split('.');
    const kept = parts.filter((part) => !Object.hasOwn(WRAPPERS, part));
    for (const part of parts) if (Object.hasOwn(WRAPPERS, part)) removed.add(part);
    put(unwrapped, kept.join('.'), stored, path);
  }
  const names = withoutOuter(unwrapped, prefix, path);
  if (names !== unwrapped) removed.add(OUTER.slice(0, -1));
  if (removed.size === 0) return { tensors, stored: (name) => name, notes: [] };
  const plain = [...names].map(([name, stored]): [string, TensorInfo] => {
    return [name, tensors.get(stored) as TensorInfo];
  });
  const notes = [...removed].map((part) => {
    const whose = WRAPPERS[part];
    return `names of tensors are read without ${part}.${whose === undefined ? '' : ` of ${whose}`}`;
  });
  return { tensors: new Map(plain), stored: (name) => names.get(name) ?? name, notes };
}

/** Removes `model.` from all names, unless it is the family's own prefix. */
function withoutOuter(
  names: ReadonlyMap<string, string>,
  prefix: string,
  path: string,
): ReadonlyMap<string, string> {
  const all = [...names.keys()];
  const bare = prefix === OUTER ? [prefix] : [prefix, 'embeddings.'];
  const starts = (before: string) =>
    all.some((name) => bare.some((start) => name.startsWith(before + start)));
  if (!starts(OUTER) || (prefix !== OUTER && starts(''))) return names;
  const inner = new Map<string, string>();
  for (const [name, stored] of names) {
    put(inner, name.startsWith(OUTER) ? name.slice(OUTER.length) : name, stored, path);
  }
  return inner;
}

function put(names: Map<string, string>, name: string, stored: string, path: string): void {
  const first = names.get(name);
  if (first !== undefined) {
    throw new SinterError('CORRUPT_MODEL', `${path}: ${first} and ${stored} are both ${name}`, {
      details: { file: path, tensor: stored },
    });
  }
  names.set(name, stored);
}
