/**
 * Finds the role of each input of a graph: from the table that it indexes, and only where that leaves a choice from its name.
 */

import { SinterError } from '../../../../core/errors.js';
import type { OnnxGraph, OnnxNode, ValueInfo } from '../model.js';
import type { Role } from './probe.js';

export interface Inputs {
  readonly roles: ReadonlyMap<string, Role>;
  /** Rows of the table that ids index directly; null when there is none. */
  readonly vocabulary: number | null;
  readonly segments: number | null;
  readonly batch: number | null;
  readonly length: number | null;
  /** Value of the input of positions for the first token; 0 when there is no such input. */
  readonly firstPosition: number;
}

/** Most tokens of a batch whose sizes the file fixes: the probe must have as many. */
const MAX_TOKENS = 16384;
/** Most pairs of a query and a key of such a batch: the walk looks at every score. */
const MAX_PAIRS = 2 ** 22;

/** Operators whose output carries the indices of their first input. The probe shows how they change them. */
const PASSING = new Set([
  ...['Cast', 'Identity', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Transpose', 'Slice'],
  ...['Gather', 'GatherND', 'Split', 'Expand', 'Tile', 'Pad', 'Clip', 'Abs', 'Floor', 'Round'],
]);
/** Operators whose output carries the indices of any input. */
const JOINING = new Set(['Concat', 'Max', 'Min']);
/**
 * Operators whose output carries indices only if the other input is a constant or carries them too: with another input of the
 * graph they make something else.
 */
const SHIFTING = new Set(['Add', 'Sub', 'Mul', 'Div', 'Mod']);

const NAMES: readonly (readonly [Role, RegExp])[] = [
  ['positions', /position/i],
  ['mask', /mask/i],
  ['segments', /type|segment/i],
  ['ids', /ids|input|token/i],
];

/** Finds the roles of all inputs. Throws UNSUPPORTED_MODEL when they are not those of an encoder of token ids. */
export function inputsOfGraph(
  graph: OnnxGraph,
  path: string,
  firstPosition: number | null,
): Inputs {
  const { inputs } = graph;
  const tables = new Map(inputs.map((input) => [input.name, tablesOf(graph, input.name)]));
  const largest = (name: string) => Math.max(0, ...(tables.get(name) ?? []));
  const roles = new Map<string, Role>();
  const ids = [...inputs]
    .filter(({ name }) => byName(name) !== 'positions' && byName(name) !== 'mask')
    .sort((a, b) => largest(b.name) - largest(a.name) || namedIds(b) - namedIds(a))
    .find(({ name }) => largest(name) > 0 || byName(name) === 'ids');
  for (const input of inputs) {
    roles.set(input.name, input === ids ? 'ids' : roleOf(input, largest(input.name)));
  }
  const bad = [...roles.values()].filter((role, i, all) => all.indexOf(role) !== i);
  if (ids === undefined || bad.length > 0 || inputs.some(({ dims }) => (dims?.length ?? 2) > 2)) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: an encoder takes token ids [batch, tokens] and what belongs to them, got inputs ${describe(inputs)}`,
      { details: { file: path } },
    );
  }
  const positions = [...roles].find(([, role]) => role === 'positions')?.[0];
  if (positions !== undefined && firstPosition === null) throw unknownPositions(path, positions);
  const segments = [...roles].find(([, role]) => role === 'segments')?.[0];
  return {
    roles,
    vocabulary: largest(ids.name) || null,
    segments: segments === undefined ? null : largest(segments) || null,
    ...fixedSizes(inputs, path),
    firstPosition: positions === undefined ? 0 : (firstPosition ?? 0),
  };
}

function unknownPositions(path: string, input: string): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `${path}: its input ${input} is fed positions, and nothing says where they begin (BERT counts from 0, RoBERTa from 2):` +
      ' put the config.json of its family beside it, or load it with the option firstPosition (--first-position)',
    { details: { file: path, input } },
  );
}

function byName(name: string): Role | null {
  return NAMES.find(([, pattern]) => pattern.test(name))?.[0] ?? null;
}

/** Rank of an input named like ids among inputs that index tables of the same size. */
function namedIds({ name }: ValueInfo): number {
  return Number(byName(name) === 'ids');
}

function roleOf({ name }: ValueInfo, rows: number): Role {
  const named = byName(name);
  if (rows === 0) return named === 'positions' ? named : named === 'segments' ? named : 'mask';
  if (named === 'positions') return 'positions';
  return 'segments';
}

/** Sizes of batch and text that the file fixes; null for free ones. */
function fixedSizes(inputs: readonly ValueInfo[], path: string): Pick<Inputs, 'batch' | 'length'> {
  const at = (axis: number) => {
    for (const { dims } of inputs) {
      const dim = dims?.[axis];
      if (typeof dim === 'number') return dim;
    }
    return null;
  };
  const [batch, length] = [at(0), at(1)];
  const fixed = [batch, length].filter((size) => size !== null);
  const tokens = (batch ?? 1) * (length ?? 1);
  const tooMany = tokens > MAX_TOKENS || tokens * (length ?? 1) > MAX_PAIRS;
  if (fixed.some((size) => size < 1) || tooMany) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${path}: inputs of fixed sizes must have 1 to ${MAX_TOKENS} tokens and at most ${MAX_PAIRS} pairs of them, got ${describe(inputs)}`,
      { details: { file: path } },
    );
  }
  return { batch, length };
}

/** Rows of each float table that the input indexes, directly or through operators that carry indices. */
function tablesOf(graph: OnnxGraph, input: string): number[] {
  const names = new Set([input]);
  const rows: number[] = [];
  for (const node of graph.nodes) {
    const [table = '', index = ''] = node.inputs;
    if (node.op === 'Gather' && names.has(index)) {
      const dims = graph.initializers.get(table)?.dims;
      if (dims?.length === 2) rows.push(dims[0] ?? 0);
    } else if (carries(graph, node, names)) {
      for (const output of node.outputs) names.add(output);
    }
  }
  return rows;
}

/** Whether a node's outputs carry the indices in the values `names`, unchanged or each changed by constants. */
function carries(
  { initializers }: OnnxGraph,
  { op, inputs }: OnnxNode,
  names: ReadonlySet<string>,
): boolean {
  const named = (name: string | undefined) => name !== undefined && names.has(name);
  if (PASSING.has(op)) return named(inputs[0]);
  if (JOINING.has(op)) return inputs.some(named);
  if (op === 'Where') return inputs.slice(1).some(named);
  if (!SHIFTING.has(op)) return false;
  return inputs.some(named) && inputs.every((name) => names.has(name) || initializers.has(name));
}

function describe(inputs: readonly ValueInfo[]): string {
  return inputs.map(({ name, dims }) => `${name} [${dims?.join(', ') ?? ''}]`).join(', ');
}
