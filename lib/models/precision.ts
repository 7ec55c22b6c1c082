/**
 * Which products int8 costs how much, and the search for those that stay f32, for every class of models.
 *
 * Candidates are models of the caller's class, which live as long as the callback that gets them.
 */

import type { PrecisionSearch, PrecisionSearchOptions } from '../compress/mixed-precision.js';
import { QUANTIZE_OPTIONS } from '../compress/quantize-model.js';
import type { Sensitivity, SensitivityOptions } from '../compress/sensitivity.js';
import { typeMistake } from '../core/errors.js';
import { type KnownOptions, readOptions } from '../core/options.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { AdaptedModel, modelOver } from './adapted-model.js';
import { insideOf } from './text-model.js';

/**
 * Measures for every product, and for the token table, what it costs that this one alone is s8: how far outputs move on these
 * texts, the change of `score`, the noise of the product's own output, outlying channels of its input, its share of the
 * multiplications. Texts over the limit are cut. A model of 24 products takes about a minute of two cores for 256 texts.
 * Throws UNSUPPORTED_MODEL for a quantized model.
 */
export async function measureSensitivity<M extends AdaptedModel>(
  model: M,
  texts: readonly TextInput[],
  options: SensitivityOptions<M> = {},
): Promise<Sensitivity> {
  const where = 'measureSensitivity';
  checkModel(where, model);
  const read = readOptions(where, options, SENSITIVITY_OPTIONS as KnownOptions<typeof options>);
  read.callback('onProgress');
  const score = read.callback('score');
  const { parts, use } = insideOf(model);
  const { productSensitivities } = await import('../compress/sensitivity.js');
  const { score: _, ...rest } = options;
  const own = { ...rest, ...(score && { score: candidateCall(model, score) }) };
  return use(where, (program) => productSensitivities(where, parts, program, texts, own));
}

/**
 * Searches the products that have to stay f32 so that the int8 model passes a gate: first all are s8, then one after the other
 * becomes f32, the one first that brings the model nearest to f32 on `texts`. `quantize` with `exclude` makes the model. If the
 * gate does not even pass with all of them f32, `passes` is false. Throws UNSUPPORTED_MODEL for a quantized model.
 */
export async function searchMixedPrecision<M extends AdaptedModel>(
  model: M,
  options: PrecisionSearchOptions<M>,
): Promise<PrecisionSearch> {
  const where = 'searchMixedPrecision';
  checkModel(where, model);
  const read = readOptions(where, options, SEARCH_OPTIONS as KnownOptions<typeof options>);
  read.count('maxProducts', undefined);
  read.callback('onState');
  const gate = read.callback('gate');
  if (gate === undefined) throw typeMistake(`${where}: gate`, 'a function', gate);
  const { parts, use } = insideOf(model);
  const { searchPrecision } = await import('../compress/mixed-precision.js');
  const own = { ...options, gate: candidateCall(model, gate) };
  return use(where, (program) => searchPrecision(where, parts, program, own));
}

const SENSITIVITY_OPTIONS = { ...QUANTIZE_OPTIONS, score: true, onProgress: true } as const;
const SEARCH_OPTIONS = {
  ...QUANTIZE_OPTIONS,
  gate: true,
  texts: true,
  maxProducts: true,
  state: true,
  onState: true,
} as const;

function checkModel(where: string, model: unknown): void {
  if (!(model instanceof AdaptedModel)) throw typeMistake(`${where}: model`, 'a model', model);
}

/** The callback over parts: it gets a model of the caller's class. */
function candidateCall<M extends AdaptedModel, R>(
  model: M,
  call: (candidate: M) => R | Promise<R>,
): (parts: ModelParts) => Promise<R> {
  return async (parts) => call(modelOver(model, parts));
}
