/**
 * Guesses the probe and the values that a file's verification will need, from its inputs and outputs, before it is recovered.
 *
 * A guess only saves time: before its values are used, `isGuessed` checks that recovery asks for the same.
 */

import type { ImportSettings } from './index.js';
import type { OnnxGraph, OnnxModel, Tensor } from './model.js';
import { evaluateModel, probeFor } from './on-probe.js';
import type { Probe, Role } from './recover/probe.js';
import { inputsOfGraph } from './recover/roles.js';
import type { Multiply } from './reference/multiply.js';

export interface Guess {
  /** Names and stamps of the files when they were read. */
  readonly files: readonly Pick<OnnxModel['files'][number], 'name' | 'stamp'>[];
  readonly roles: ReadonlyMap<string, Role>;
  readonly probe: Probe;
  readonly outputs: readonly string[];
}

/** Guesses for a model. Throws UNSUPPORTED_MODEL when the inputs are not those of an encoder. */
export function guessOf(
  { graph, path, files }: OnnxModel,
  { firstPosition = null }: ImportSettings,
  length: number,
): Guess {
  const inputs = inputsOfGraph(withConvertedTables(graph), path, firstPosition);
  const { vocabulary, segments } = inputs;
  const sizes = { maxTokens: length, vocabulary: vocabulary ?? 2, segments: segments ?? 1 };
  return {
    files: files.map(({ name, stamp }) => ({ name, stamp })),
    roles: inputs.roles,
    probe: probeFor({ inputs, ...sizes }, length),
    outputs: graph.outputs.map(({ name }) => name),
  };
}

/** Operators that may stand between a table and its lookup. */
const CONVERSIONS = /^(Cast|DequantizeLinear|Identity)$/;

/**
 * Treats the results of conversions of initializers as initializers: the role of an input follows from the table that it
 * indexes.
 */
function withConvertedTables(graph: OnnxGraph): OnnxGraph {
  const initializers = new Map(graph.initializers);
  for (const { op, inputs, outputs } of graph.nodes) {
    const table = CONVERSIONS.test(op) ? initializers.get(inputs[0] ?? '') : undefined;
    if (table !== undefined) initializers.set(outputs[0] ?? '', table);
  }
  return { ...graph, initializers };
}

/**
 * Whether the values computed for `guess` include those that `wanted` asks for: same files, roles and probe, and all its
 * outputs.
 */
export function isGuessed(guess: Guess, wanted: Guess): boolean {
  const same = (of: (one: Guess) => unknown) =>
    JSON.stringify(of(guess)) === JSON.stringify(of(wanted));
  return (
    same(({ files }) => files.map(({ name, stamp }) => [name, stamp])) &&
    same(({ roles }) => [...roles]) &&
    same(({ probe }) => probe) &&
    wanted.outputs.every((name) => guess.outputs.includes(name))
  );
}

/** Evaluates the file's own graph for `guess`: the values that the verification compares with. */
export function evaluateGuess(
  model: OnnxModel,
  { roles, probe, outputs }: Guess,
  multiply?: Multiply,
): Promise<ReadonlyMap<string, Tensor>> {
  const ranges = { clamps: 'zero', cuts: new Map() } as const;
  return evaluateModel(model, roles, probe, outputs, { ranges, multiply });
}
