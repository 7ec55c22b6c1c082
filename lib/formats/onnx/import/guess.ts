/**
 * The probe that a file will be verified with and the values that will be wanted, guessed from its inputs and outputs before
 * anything is recovered.
 *
 * A guess only saves time: whoever uses values that were computed for one checks that it is what recovery says.
 */

import type { ImportSettings } from './index.js';
import type { OnnxGraph, OnnxModel, Tensor } from './model.js';
import { evaluateModel, probeFor } from './on-probe.js';
import type { Probe, Role } from './recover/probe.js';
import { inputsOfGraph } from './recover/roles.js';
import type { Multiply } from './reference/multiply.js';

export interface Guess {
  /** The files as they were read. */
  readonly files: readonly Pick<OnnxModel['files'][number], 'name' | 'stamp'>[];
  readonly roles: ReadonlyMap<string, Role>;
  readonly probe: Probe;
  readonly outputs: readonly string[];
}

/** Throws UNSUPPORTED_MODEL where the inputs are not those of an encoder. */
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

/** What a table is put through before rows of it are looked up. */
const CONVERSIONS = /^(Cast|DequantizeLinear|Identity)$/;

/** The graph with converted initializers as initializers: its inputs are told by the tables that they index. */
function withConvertedTables(graph: OnnxGraph): OnnxGraph {
  const initializers = new Map(graph.initializers);
  for (const { op, inputs, outputs } of graph.nodes) {
    const table = CONVERSIONS.test(op) ? initializers.get(inputs[0] ?? '') : undefined;
    if (table !== undefined) initializers.set(outputs[0] ?? '', table);
  }
  return { ...graph, initializers };
}

/** Whether values that were computed for `guess` are those of `outputs` for `wanted`. */
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

/** The values of the file's own graph that a verification compares with. */
export function evaluateGuess(
  model: OnnxModel,
  { roles, probe, outputs }: Guess,
  multiply?: Multiply,
): Promise<ReadonlyMap<string, Tensor>> {
  const ranges = { clamps: 'zero', cuts: new Map() } as const;
  return evaluateModel(model, roles, probe, outputs, { ranges, multiply });
}
