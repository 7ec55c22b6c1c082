/**
 * The `tokenizers` package, the only file that loads it: where a tokenizer or a text first needs it, because its library has 10 MB and most
 * models do without.
 *
 * It is CommonJS: `import` would first look through its text for exports, which takes as long as everything else in it.
 */

import { createRequire } from 'node:module';
import { SinterError } from '../core/errors.js';

type Package = typeof import('tokenizers');

let loaded: Package | null = null;

/** Loads the package in this turn of the event loop, the first time. Throws DEVICE where it has no library for this system. */
export function tokenizersPackage(): Package {
  loaded ??= load();
  return loaded;
}

function load(): Package {
  try {
    return createRequire(import.meta.url)('tokenizers') as Package;
  } catch (cause) {
    const [reason] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    const what = 'the tokenizers package, which this tokenizer or text needs, could not be loaded';
    throw new SinterError('DEVICE', `${what}: ${reason}`, { cause });
  }
}
