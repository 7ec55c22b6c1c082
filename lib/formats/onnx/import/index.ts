/**
 * Imports an ONNX file: reads it, rewrites it in plain form, recovers the encoder in it. `lib/checkpoint` makes names,
 * configs and programs from the result.
 *
 * Nothing is guessed: a file with a node that is not understood is refused, and the error names all such nodes.
 */

import { SinterError } from '../../../core/errors.js';
import type { OutputName } from '../../../graph/types.js';
import type { OnnxModel, Tensor } from './model.js';
import { evaluateModel, feedsOf, type ProbeArithmetic } from './on-probe.js';
import type { PlainModel } from './plain/plain-model.js';
import { toPlain } from './plain/to-plain.js';
import { readOnnxModel } from './read-model.js';
import type { Value } from './recover/draft.js';
import type { Probe } from './recover/probe.js';
import { PLAIN_OPSET, type Recovered, recoverDraft } from './recover/recover.js';
import { type DraftGraph, type Style, toGraph, Unwritable } from './recover/to-graph.js';
import { WeightReader } from './recover/weights.js';
import { evaluate } from './reference/evaluate.js';

export type { OnnxModel } from './model.js';
export { probeFor } from './on-probe.js';
export { int8Operands } from './plain/int8-operands.js';
export type { AppliedRule, PlainModel } from './plain/plain-model.js';
export { toPlain } from './plain/to-plain.js';
export { readOnnxModel } from './read-model.js';
export type { Value as DraftValue } from './recover/draft.js';
export type { Probe } from './recover/probe.js';
export type { Recovered } from './recover/recover.js';
export type { DraftGraph, Style } from './recover/to-graph.js';
export { type RecoveredWeight, WeightReader } from './recover/weights.js';
export type { Multiply } from './reference/multiply.js';
export type { Cut, Smooth } from './reference/smooth.js';

export interface OnnxImport {
  readonly path: string;
  readonly plain: PlainModel;
  readonly recovered: Recovered;
  readonly weights: WeightReader;
  /** Milliseconds taken by reading and rewriting, and by recovery. */
  readonly times: { readonly read: number; readonly recover: number };
  /** Makes the IR graph, with names of its own. Throws UNSUPPORTED_MODEL for operations that the IR cannot express. */
  readonly graph: (style: Style) => DraftGraph;
}

export interface ImportSettings {
  /** Value of an input of positions for the first token. null (default): a file with such an input is refused. */
  readonly firstPosition?: number | null;
}

const ZEROS = ['drop', 'keep', 'fill'] as const;

/**
 * Styles of graphs to try, the likeliest first. Exporters write zeros for biases that a model does not have, and leave out
 * biases that are zero.
 */
export const STYLES: readonly [Style, ...Style[]] = [
  { fused: true, zeros: 'drop' },
  ...ZEROS.flatMap((zeros) => [true, false].map((fused) => ({ fused, zeros }))).slice(1),
];

/**
 * Reads and recovers the encoder in `path`. Throws CORRUPT_MODEL for a damaged file or weights with NaN or infinity,
 * UNSUPPORTED_MODEL (details: nodes) for nodes that are not understood.
 */
export async function importOnnx(path: string, settings: ImportSettings = {}): Promise<OnnxImport> {
  const begin = performance.now();
  return importModel(await readOnnxModel(path), settings, begin);
}

/** As `importOnnx`, for a file that is already read; its reading began at `begin` (performance.now()). */
export function importModel(
  model: OnnxModel,
  { firstPosition = null }: ImportSettings,
  begin: number,
): OnnxImport {
  const { path } = model;
  const plain = toPlain(model);
  const middle = performance.now();
  const recovered = recoverDraft(plain, firstPosition);
  const weights = new WeightReader(path, plain.graph.initializers, plain.quantized);
  const graph = (style: Style) => draftGraph(path, recovered, weights, style);
  for (const source of graph(STYLES[0]).sources.values()) weights.check(source);
  const times = { read: middle - begin, recover: performance.now() - middle };
  return { path, plain, recovered, weights, times, graph };
}

function draftGraph(
  path: string,
  recovered: Recovered,
  weights: WeightReader,
  style: Style,
): DraftGraph {
  const { maxTokens, vocabulary, segments, hidden, head } = recovered;
  // The last hidden value is always an output, even where the file does not have it as one: all other outputs derive from it.
  const outputs = new Map<OutputName, Value>([['hidden', hidden]]);
  for (const { name, value } of recovered.found) outputs.set(name, value);
  try {
    return toGraph(
      { outputs, hidden, selects: head === 'masked-lm' },
      { maxTokens, vocabulary, segments },
      style,
      (a, b) => weights.same(a, b),
    );
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error;
    throw new SinterError('UNSUPPORTED_MODEL', `${path}: ${error.message}`, {
      details: { file: path },
    });
  }
}

/** Values of the plain graph on a probe, computed by the reference evaluator. */
export async function evaluatePlain(
  imported: OnnxImport,
  probe: Probe,
  outputs: readonly string[],
  { multiply }: Pick<ProbeArithmetic, 'multiply'> = {},
): Promise<ReadonlyMap<string, Tensor>> {
  const { plain, path, recovered } = imported;
  const feeds = feedsOf(recovered.inputs.roles, plain.graph.inputs, probe);
  for (const { name } of plain.graph.inputs) {
    if (!feeds.has(name)) throw new SinterError('INTERNAL', `input ${name} has no role`);
  }
  const opsets = new Map([['', PLAIN_OPSET]]);
  const { bytes } = plain.source;
  return evaluate({ graph: plain.graph, opsets, path, bytes }, feeds, { outputs, multiply });
}

/** Values of the file's own graph on a probe, without any rewriting. */
export async function evaluateFile(
  { plain, recovered }: OnnxImport,
  probe: Probe,
  outputs: readonly string[],
  arithmetic: ProbeArithmetic = {},
): Promise<ReadonlyMap<string, Tensor>> {
  return evaluateModel(plain.source, recovered.inputs.roles, probe, outputs, arithmetic);
}
