/**
 * The options of adapters: LoRA and IA3 with the names and defaults of PEFT, bottleneck adapters with those of AdapterHub.
 */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import {
  BOTTLENECK_KINDS,
  type BottleneckOptions,
  type BottleneckSettings,
  type Ia3Options,
  type Ia3Settings,
  type LoraOptions,
  type LoraSettings,
} from '../graph/adapter-options.js';
import { ACTIVATION_KINDS } from '../graph/types.js';

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
  const read = readOptions<LoraOptions>(at, checkObject(at, options), KNOWN);
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

/** As `readLoraOptions`: `train: ia3.targets must be ...`. */
export function readIa3Options(where: string, options: Ia3Options = {}): Ia3Settings {
  const at = `${where}: ia3`;
  readOptions<Ia3Options>(at, checkObject(at, options), { targets: true, feedforward: true });
  const { targets = ['key', 'value', 'output.dense'], feedforward = ['output.dense'] } = options;
  for (const [name, list] of Object.entries({ targets, feedforward })) {
    const least = name === 'targets' ? 1 : 0;
    if (!Array.isArray(list) || list.length < least || !list.every(isName))
      throw typeMistake(`${at}: ${name}`, 'an array of names of modules', list);
  }
  return { targets, feedforward };
}

const ACTIVATIONS = ACTIVATION_KINDS.filter((kind) => kind !== 'none');

/** As `readLoraOptions`: `train: bottleneck.size must be ...`. */
export function readBottleneckOptions(
  where: string,
  options: BottleneckOptions = {},
): BottleneckSettings {
  const at = `${where}: bottleneck`;
  const known = { kind: true, reductionFactor: true, size: true, activation: true } as const;
  const read = readOptions<BottleneckOptions>(at, checkObject(at, options), known);
  return {
    kind: read.choice('kind', 'pfeiffer', BOTTLENECK_KINDS),
    reductionFactor: read.positive('reductionFactor', 16),
    size: read.count('size', undefined) ?? null,
    activation: read.choice('activation', 'relu', ACTIVATIONS),
  };
}

function checkObject<T extends object>(at: string, options: T): T {
  if (typeof options === 'object' && options !== null) return options;
  throw typeMistake(at, 'an object', options);
}

/** Whether a module is meant by a name: its own, or the end of it after a dot. */
export function isModule(module: string, name: string): boolean {
  return module === name || module.endsWith(`.${name}`);
}

/** Rank and scale of the adapter of a module. */
export function sizeOf(module: string, settings: LoraSettings): { rank: number; scale: number } {
  const { rankPattern, alphaPattern, rslora } = settings;
  const own = <T>(pattern: Readonly<Record<string, T>>) =>
    Object.entries(pattern).find(([name]) => isModule(module, name))?.[1];
  const rank = own(rankPattern) ?? settings.r;
  const alpha = own(alphaPattern) ?? settings.alpha;
  return { rank, scale: alpha / (rslora ? Math.sqrt(rank) : rank) };
}
