/**
 * Tensors of a checkpoint that its graph does not use. The head of a language model is ignored when a classifier is loaded,
 * as in transformers. A tensor that changes a used layer is refused by name.
 */

import { SinterError } from '../core/errors.js';
import type { Checkpoint } from '../graph/checkpoint.js';

/**
 * Names of adapters (peft, AdapterHub) and of layers after a head: without these tensors the other weights are a different
 * model.
 */
const CHANGES =
  /(^|[._])(lora|vera|hada|lokr|oft|ia3)_|(^|[._])adapters?([._]|$)|(^|\.)(base_layer|modules_to_save|prefix_tuning|prompt_encoder|crf)\./;

/** Names of the tensors that are not in `used`. Throws UNSUPPORTED_MODEL if one of them changes what the model computes. */
export function leftovers({ path, tensors }: Checkpoint, used: ReadonlySet<string>): string[] {
  const modules = new Set(
    [...used].filter((name) => name.endsWith('.weight')).map((name) => name.slice(0, -7)),
  );
  const unused = [...tensors.keys()].filter((name) => !used.has(name));
  const change = unused.find((name) => CHANGES.test(name) || isBelow(name, modules));
  if (change === undefined) return unused;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: tensor ${change} changes what the model computes and is not supported: merge adapters into the weights first`,
    { details: { file: path, tensor: change } },
  );
}

/**
 * Whether the tensor belongs to a module whose weight is used: a bias that config.json does not have, or a part of an
 * adapter.
 */
function isBelow(name: string, modules: ReadonlySet<string>): boolean {
  for (let end = name.lastIndexOf('.'); end > 0; end = name.lastIndexOf('.', end - 1)) {
    if (modules.has(name.slice(0, end))) return true;
  }
  return false;
}
