// Options that the benches share. A wrong one throws a RangeError that says what is allowed.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Parts of a comma-separated list, each one of `known`. */
export function choices(option, text, known) {
  const found = text.split(',').map((part) => part.trim());
  for (const part of found) {
    if (!known.includes(part)) {
      throw new RangeError(`${option} must be of ${known.join(', ')}, got ${part}`);
    }
  }
  return found;
}

/** Parts of a comma-separated list of whole numbers above 0. */
export function counts(option, text) {
  return text.split(',').map((part) => {
    const value = Number(part);
    if (Number.isSafeInteger(value) && value > 0) return value;
    throw new RangeError(`${option} must be whole numbers above 0, got ${part}`);
  });
}

export function count(option, text) {
  const [value, ...more] = counts(option, text);
  if (more.length === 0) return value;
  throw new RangeError(`${option} must be one number, got ${text}`);
}

/**
 * { name, texts, maxTokens } of a workload; null when it is missing. Workloads whose texts may not be passed on are not in this
 * repository but in the folder of shared data beside it.
 */
export function readWorkload(name) {
  const places = ['../workloads', '../../../shared/bench/workloads'];
  for (const place of places) {
    const file = fileURLToPath(new URL(`${place}/${name}.json`, import.meta.url));
    if (!existsSync(file)) continue;
    const texts = JSON.parse(readFileSync(file, 'utf8'));
    return { name, texts, maxTokens: name.startsWith('equal128') ? 128 : 512 };
  }
  return null;
}

export const WORKLOADS = ['mixed_en', 'mixed_open_en', 'short_en', 'equal128_en'];
