/** Reads the settings in adapter_config.json. */

import { type SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { BottleneckSettings, Ia3Settings, LoraSettings } from '../graph/adapter-options.js';
import { ACTIVATION_KINDS } from '../graph/types.js';

/** alpha / rank, or alpha / sqrt(rank); `alpha_pattern` has other alphas for some modules. */
export function loraScale(
  module: string,
  rank: number,
  { lora_alpha: alpha, alpha_pattern: pattern, use_rslora: rslora }: JsonObject,
  corrupt: (what: string) => SinterError,
): number {
  const patterns = Object.entries(isJsonObject(pattern) ? pattern : {});
  const written = patterns.find(([key]) => !/^[\w.]+$/.test(key))?.[0];
  // Other keys are regular expressions of Python.
  if (written !== undefined)
    throw corrupt(`alpha_pattern must have names of modules, got ${show(written)}`);
  const own = patterns.find(([key]) => module === key || module.endsWith(`.${key}`))?.[1];
  const value: JsonValue | undefined = own ?? alpha;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw corrupt(`lora_alpha must be a number, got ${show(value)}`);
  return value / (rslora === true ? Math.sqrt(rank) : rank);
}

/** What LoRA was trained with. */
export function loraSettings(config: JsonObject): LoraSettings {
  const number = (value: JsonValue | undefined, fallback: number) =>
    typeof value === 'number' ? value : fallback;
  const numbers = (value: JsonValue | undefined) =>
    (isJsonObject(value) ? value : {}) as Readonly<Record<string, number>>;
  const { target_modules: targets } = config;
  return {
    r: number(config.r, 8),
    alpha: number(config.lora_alpha, 8),
    dropout: number(config.lora_dropout, 0),
    targets: Array.isArray(targets) ? (targets as readonly string[]) : 'all-linear',
    rslora: config.use_rslora === true,
    rankPattern: numbers(config.rank_pattern),
    alphaPattern: numbers(config.alpha_pattern),
    useDora: config.use_dora === true,
  };
}

/** The modules of IA3, by which their inputs or outputs are multiplied. */
export function ia3Settings(
  matrices: readonly { readonly module: string; readonly side: 'input' | 'output' }[],
): Ia3Settings {
  const inputs = matrices.filter(({ side }) => side === 'input');
  return {
    targets: matrices.map(({ module }) => module),
    feedforward: inputs.map(({ module }) => module),
  };
}

/** The form of bottleneck adapters. */
export function bottleneckSettings(
  config: JsonObject,
  corrupt: (what: string) => SinterError,
): BottleneckSettings {
  const { mh_adapter: both, output_adapter: output, original_ln_before: normed } = config;
  const { reduction_factor: factor, bottleneck_size: size, non_linearity: activation } = config;
  const kinds = {
    'true,false': 'houlsby',
    'false,true': 'pfeiffer',
    'false,false': 'ffn',
  } as const;
  const kind = Object.entries(kinds).find(([key]) => key === `${both},${normed}`)?.[1];
  if (kind === undefined || output !== true)
    throw corrupt('mh_adapter, output_adapter and original_ln_before are of no known kind');
  const known = ACTIVATION_KINDS.find((one) => one === activation);
  if (known === undefined || known === 'none')
    throw corrupt(
      `non_linearity must be one of ${ACTIVATION_KINDS.slice(1).join(', ')}, got ${show(activation)}`,
    );
  if (typeof factor !== 'number' || !(factor > 0))
    throw corrupt(`reduction_factor must be a number above 0, got ${show(factor)}`);
  const isSize = typeof size === 'number' && Number.isSafeInteger(size) && size > 0;
  if (size !== null && size !== undefined && !isSize)
    throw corrupt(`bottleneck_size must be a whole number above 0, got ${show(size)}`);
  return { kind, activation: known, reductionFactor: factor, size: isSize ? size : null };
}
