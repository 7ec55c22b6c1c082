/**
 * Chooses the products that stay f32, so that an int8 model passes a gate: one after the other, the guiltiest first.
 *
 * The way of NNCF's accuracy control: all are s8; the remaining ones are ranked by how much nearer the model comes to f32 if one
 * more of them is f32; the first of the ranking becomes f32 until the gate passes. A step that makes the score worse is undone
 * once and the rest ranked anew. The state is plain JSON after every step: a search goes on from it with the same result.
 */

import { rangeMistake, throwIfAborted, typeMistake } from '../core/errors.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { disposeProgram } from '../runtime/program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { checkTexts, OutputProbe } from './output-probe.js';
import { PrecisionVariants } from './precision-variants.js';
import type { QuantizeOptions } from './quantize-model.js';

/** What a gate says of a model. */
export interface PrecisionVerdict {
  /** Larger is better. Steps that lower it are undone. */
  readonly score: number;
  readonly passes: boolean;
}

/** One evaluation of the gate. */
export interface PrecisionStep extends PrecisionVerdict {
  /** The product that became f32 in this step; null in the first one, in which all are s8. */
  readonly product: string | null;
  /** Divergence from f32 by which the product was ranked; null in the first step. */
  readonly divergence: number | null;
  /** Number of products that were f32 when the gate was asked. */
  readonly kept: number;
  /** Whether the product became s8 again, because the score was worse than before. */
  readonly undone: boolean;
}

/** Where a search stands, as JSON. Only its own search reads it: model, texts and options must be the same. */
export interface PrecisionState {
  /** The products that are f32, in the order in which they became it. */
  readonly kept: readonly string[];
  readonly steps: readonly PrecisionStep[];
  /** The products still s8, the guiltiest first; null: they have to be ranked. */
  readonly ranking: readonly { readonly product: string; readonly divergence: number }[] | null;
  /** A product whose step was undone, which the next ranking puts last; null: none. */
  readonly last: string | null;
}

/** What a search found. */
export interface PrecisionSearch {
  /** Whether the gate passes with these products f32. If these are all products, nothing is left for `quantize`. */
  readonly passes: boolean;
  /** Products that stay f32, for `quantize({ exclude })`. */
  readonly exclude: readonly string[];
  readonly steps: readonly PrecisionStep[];
}

/** Options of a search for the products that stay f32. */
export interface PrecisionSearchOptions<M> extends Omit<QuantizeOptions, 'signal'> {
  /** Evaluates a candidate; it may not keep or dispose of the model. */
  readonly gate: (model: M) => PrecisionVerdict | Promise<PrecisionVerdict>;
  /** Texts by which products are ranked: the divergence of outputs from f32 decides. A few dozen to some hundred. */
  readonly texts: readonly TextInput[];
  /** Most products that become f32. Default: all. */
  readonly maxProducts?: number;
  /** A state that `onState` was given, to go on from. */
  readonly state?: PrecisionState;
  /** Called whenever the state has changed. */
  readonly onState?: (state: PrecisionState) => void;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

const START: PrecisionState = { kept: [], steps: [], ranking: null, last: null };

/** Searches; `program` is the f32 program of the parts. */
export async function searchPrecision(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  options: PrecisionSearchOptions<ModelParts>,
): Promise<PrecisionSearch> {
  const { gate, texts, maxProducts, state: given = START, onState, signal, ...quantize } = options;
  checkTexts(where, texts);
  const own = { ...quantize, ...(signal && { signal }) };
  const variants = await PrecisionVariants.of(where, parts, program, own);
  try {
    const names = variants.products.map(({ name }) => name);
    const most = Math.min(maxProducts ?? names.length, names.length);
    let state = readState(`${where}: state`, given, names);
    let probe: OutputProbe | undefined;
    const advance = (next: PrecisionState) => {
      state = next;
      onState?.(state);
    };
    for (;;) {
      throwIfAborted(signal, where);
      if (state.steps.length === 0) {
        advance({ ...state, steps: [await firstStep(variants, gate)] });
      } else if (isOver(state, most)) {
        return resultOf(state, quantize.exclude ?? []);
      } else if (state.ranking === null) {
        probe ??= await OutputProbe.of(where, parts, program, texts, signal);
        advance({ ...state, ranking: await rank(variants, probe, state), last: null });
      } else {
        advance(await nextStep(variants, gate, state));
      }
    }
  } finally {
    await variants.dispose();
  }
}

type Gate = PrecisionSearchOptions<ModelParts>['gate'];

function isOver({ steps, kept }: PrecisionState, most: number): boolean {
  return steps.at(-1)?.passes === true || kept.length >= most;
}

function resultOf({ kept, steps }: PrecisionState, excluded: readonly string[]): PrecisionSearch {
  return { passes: steps.at(-1)?.passes === true, exclude: [...excluded, ...kept], steps };
}

async function firstStep(variants: PrecisionVariants, gate: Gate): Promise<PrecisionStep> {
  const verdict = await judge(variants, [], gate);
  return { product: null, divergence: null, kept: 0, undone: false, ...verdict };
}

/** The first of the ranking becomes f32, or s8 again if that is worse and the last step was not undone as well. */
async function nextStep(
  variants: PrecisionVariants,
  gate: Gate,
  { kept, steps, ranking, last }: PrecisionState,
): Promise<PrecisionState> {
  const [first, ...others] = ranking ?? [];
  if (first === undefined) return { kept, steps, ranking: null, last };
  const more = [...kept, first.product];
  const verdict = await judge(variants, more, gate);
  const before = steps.findLast(({ undone }) => !undone);
  const isWorse = !verdict.passes && before !== undefined && verdict.score < before.score;
  const undone = isWorse && steps.at(-1)?.undone === false && others.length > 0;
  const step = { ...first, kept: more.length, undone, ...verdict };
  return undone
    ? { kept, steps: [...steps, step], ranking: null, last: first.product }
    : { kept: more, steps: [...steps, step], ranking: others, last: null };
}

/** Asks the gate about the model with these products f32. */
async function judge(
  variants: PrecisionVariants,
  kept: readonly string[],
  gate: Gate,
): Promise<PrecisionVerdict> {
  const parts = await variants.parts(new Set(kept));
  try {
    const { score, passes } = await gate(parts);
    if (typeof score !== 'number' || Number.isNaN(score))
      throw typeMistake('gate: score', 'a number', score);
    if (typeof passes !== 'boolean') throw typeMistake('gate: passes', 'true or false', passes);
    return { score, passes };
  } finally {
    await parts.program.retire();
  }
}

/** The products that are s8, by the divergence that is left if one more of them is f32, the smallest first. */
async function rank(
  variants: PrecisionVariants,
  probe: OutputProbe,
  { kept, last }: PrecisionState,
): Promise<NonNullable<PrecisionState['ranking']>> {
  const found: { product: string; divergence: number }[] = [];
  for (const { name } of variants.products) {
    if (kept.includes(name)) continue;
    const graph = variants.graph(new Set([...kept, name]));
    const program = await variants.programOf(graph);
    try {
      found.push({ product: name, divergence: await probe.divergence(graph, program) });
    } finally {
      disposeProgram(program);
    }
  }
  const isLast = ({ product }: { readonly product: string }) => Number(product === last);
  return found.sort((a, b) => isLast(a) - isLast(b) || a.divergence - b.divergence);
}

/** Throws for a state that is no state of this model. */
function readState(where: string, state: PrecisionState, names: readonly string[]): PrecisionState {
  const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
  if (typeof state !== 'object' || state === null || !isList(state.kept) || !isList(state.steps))
    throw typeMistake(where, 'a state of a search', state);
  const ranked = state.ranking?.map(({ product }) => product) ?? [];
  for (const name of [...state.kept, ...ranked]) {
    if (!names.includes(name)) throw rangeMistake(where, 'a state of this model', name);
  }
  return state;
}
