/**
 * The options of low-rank adapters, with the names and defaults of PEFT, and which matrices they are for.
 */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { LoraOptions, LoraSettings } from '../graph/adapter-options.js';

const KNOWN = {
  r: true,
  alpha: true,
  dropout: true,
  targets: true,
  rslora: true,
  rankPattern: true,
  alphaPattern: true,
} as const;
const MAX_RANK = 4096;

/** Checks the options and fills in defaults. Throws TypeError or RangeError: `train: lora.r must be ...`. */
export function readLoraOptions(where: string, options: LoraOptions = {}): LoraSettings {
  const at = `${where}: lora`;
  if (typeof options !== 'object' || options === null) throw typeMistake(at, 'an object', options);
  const read = readOptions<LoraOptions>(at, options, KNOWN);
  const targets = options.targets ?? 'all-linear';
  const isList = Array.isArray(targets) && targets.length > 0;
  if (targets !== 'all-linear' && !(isList && targets.every(isName))) {
    throw typeMistake(`${at}: targets`, "'all-linear' or an array of names of modules", targets);
  }
  const r = read.count('r', 8);
  if (r > MAX_RANK) throw rangeMistake(`${at}: r`, `at most ${MAX_RANK}`, r);
  return {
    r,
    alpha: read.positive('alpha', 16),
    dropout: read.number('dropout', 0, 'a number from 0, below 1', (p) => p >= 0 && p < 1),
    targets,
    rslora: read.boolean('rslora', false),
    rankPattern: readPattern(`${at}: rankPattern`, options.rankPattern, Number.isSafeInteger),
    alphaPattern: readPattern(`${at}: alphaPattern`, options.alphaPattern, Number.isFinite),
  };
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '';
}

function readPattern(
  at: string,
  pattern: Readonly<Record<string, number>> = {},
  isNumber: (value: unknown) => boolean,
): Readonly<Record<string, number>> {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern))
    throw typeMistake(at, 'an object of numbers by module', pattern);
  for (const [name, value] of Object.entries(pattern)) {
    if (!isNumber(value) || value <= 0)
      throw rangeMistake(`${at}.${name}`, 'a number above 0', value);
  }
  return pattern;
}
