/**
 * One walk over a plain graph: numbers are evaluated, activations become forms, and nodes that are neither become problems.
 *
 * One walk finds all problems of a graph: a node with an unknown input is skipped without a problem of its own.
 */

import { isGraph, type OnnxGraph, type OnnxNode, type Tensor, type ValueInfo } from '../model.js';
import { type Form, rowsForm, sizeOf } from './form.js';
import { LAYOUT_OPERATORS } from './layout.js';
import { concrete, isLookup, lookUp } from './lookups.js';
import { literalMatrix, wholeMatrix } from './matrix.js';
import { applyToForms, type Inputs } from './operators.js';
import { feedFor, type Role } from './probe.js';
import {
  type Data,
  data,
  initializerData,
  type Known,
  Misfit,
  Unexplained,
  type Walk,
} from './walk.js';

/** The values of a graph by name; null for a value that could not be made. */
class Scope {
  readonly values = new Map<string, Known | null>();
  private readonly uses = new Map<string, number>();
  private readonly outer: Scope | null;

  constructor(graph: OnnxGraph, outer: Scope | null) {
    this.outer = outer;
    for (const node of graph.nodes) {
      for (const name of node.inputs) this.uses.set(name, (this.uses.get(name) ?? 0) + 1);
      // A graph inside the node may read its values at any time, so they are kept.
      for (const value of node.attributes.values()) {
        if (!isGraph(value)) continue;
        for (const inner of value.nodes) {
          for (const name of inner.inputs) this.uses.set(name, Number.POSITIVE_INFINITY);
        }
        for (const { name } of value.outputs) this.uses.set(name, Number.POSITIVE_INFINITY);
      }
    }
    for (const { name } of graph.outputs) this.uses.set(name, Number.POSITIVE_INFINITY);
    for (const initializer of graph.initializers.values()) {
      this.values.set(initializer.name, initializerData(initializer));
    }
  }

  get(name: string): Known | null {
    const known = this.values.get(name);
    return known === undefined ? (this.outer?.get(name) ?? null) : known;
  }

  /** Drops the inputs of a node that no later node reads. */
  release(node: OnnxNode): void {
    for (const name of node.inputs) {
      const left = (this.uses.get(name) ?? 0) - 1;
      this.uses.set(name, left);
      if (left === 0) this.values.delete(name);
    }
  }
}

/** Walks `graph` and returns the values of its outputs by name, null where unknown. */
export function interpret(
  walk: Walk,
  graph: OnnxGraph,
  roles: ReadonlyMap<string, Role>,
): ReadonlyMap<string, Known | null> {
  const scope = new Scope(graph, null);
  for (const input of graph.inputs) {
    scope.values.set(input.name, data(feedFor(walk.probe, roleOf(input, roles), input)));
  }
  run(walk, graph, scope);
  return new Map(graph.outputs.map(({ name }) => [name, scope.get(name)]));
}

function roleOf(input: ValueInfo, roles: ReadonlyMap<string, Role>): Role {
  const role = roles.get(input.name);
  if (role === undefined) throw new Unexplained(`input ${input.name} has no role`);
  return role;
}

function run(walk: Walk, graph: OnnxGraph, scope: Scope): void {
  for (const node of graph.nodes) {
    const results = resultsOf(walk, node, scope);
    node.outputs.forEach((name, i) => {
      const made = results?.[i] ?? null;
      if (name !== '') scope.values.set(name, made);
      if (made?.kind === 'form') noteOrigin(made, name);
    });
    scope.release(node);
  }
}

/** Records the name of the file's value that holds all rows of a recovered value. */
function noteOrigin({ terms, constant, dims }: Form, name: string): void {
  const [term] = terms;
  if (term?.basis.kind !== 'rows' || terms.length !== 1 || constant !== null) return;
  const { value } = term.basis;
  const whole = term.index === null && term.coefficient === 1;
  if (whole && sizeOf(dims) === value.rows * value.width && value.origin === '')
    value.origin = name;
}

/** The results of the node; null when an input is unknown or the node is not explained, which becomes a problem. */
function resultsOf(walk: Walk, node: OnnxNode, scope: Scope): readonly (Known | null)[] | null {
  const inputs = node.inputs.map((name) => (name === '' ? null : scope.get(name)));
  if (node.inputs.some((name, i) => name !== '' && inputs[i] === null)) return null;
  try {
    return apply(walk, node, inputs, scope);
  } catch (error) {
    if (!(error instanceof Unexplained)) throw error;
    walk.problems.push({ node, reason: error.message, damaged: error instanceof Misfit });
    return null;
  }
}

function apply(
  walk: Walk,
  node: OnnxNode,
  inputs: Inputs,
  scope: Scope,
): readonly (Known | null)[] {
  if (node.op === 'If' && node.domain === '') return branch(walk, node, inputs, scope);
  const forms = inputs.filter((known) => known?.kind === 'form');
  if (forms.length === 0) {
    const numbers = inputs as readonly (Data | null)[];
    const looked = lookUp(walk, node, numbers);
    if (looked !== null) return looked;
    const table = parameterOf(walk, node, numbers);
    if (table !== null) return applyToForms(walk, node, [table, ...inputs.slice(1)]);
    return evaluate(walk, node, inputs);
  }
  const isSoft = forms.every((known) => known?.kind === 'form' && isLookup(known));
  return isSoft && !staysLookup(node)
    ? evaluate(walk, node, inputs)
    : applyToForms(walk, node, inputs);
}

/**
 * A learned table that is normalised or projected (vectors of distances) as a parameter: evaluated, it could not be trained.
 */
function parameterOf(
  walk: Walk,
  { op, domain }: OnnxNode,
  [table, other]: readonly (Data | null)[],
): Form | null {
  const learned = op === 'LayerNormalization' || op === 'RMSNormalization' || op === 'MatMul';
  if (!learned || domain !== '' || !table?.initializer || !other?.initializer) return null;
  const { dims, dtype, initializer } = table;
  const [rows = 0, width = 0] = dims.slice(-2);
  const isMatrix = rows > 1 && width > 1 && dims.length <= 3 && rows * width === sizeOf(dims);
  if (!isMatrix || dtype !== 'float32' || (op === 'MatMul' && other.dims.length !== 2)) return null;
  const matrix =
    dims.length === 2
      ? wholeMatrix(initializer, false)
      : literalMatrix(rows, width, Float32Array.from(initializer.read().data));
  const value = walk.once(`parameter ${initializer.name}`, () =>
    walk.value('table', rows, width, { op: 'parameter', matrix }),
  );
  return rowsForm(value, dims, null);
}

const SOFT: ReadonlySet<string> = new Set([
  ...LAYOUT_OPERATORS,
  'Add',
  'Mul',
  'Concat',
  'Cast',
  'Shape',
  'LayerNormalization',
  'RMSNormalization',
  'MatMul',
]);

function staysLookup({ op, domain }: OnnxNode): boolean {
  return domain === '' && SOFT.has(op);
}

function evaluate(walk: Walk, node: OnnxNode, inputs: Inputs): Known[] {
  const tensors = inputs.map((known): Tensor | null => {
    if (known === null) return null;
    return known.kind === 'data' ? known.read() : concrete(known);
  });
  return walk.compute(node, tensors).map(data);
}

/** Walks the branch of an `If` that the probe takes, as if its nodes stood in the graph itself. */
function branch(walk: Walk, node: OnnxNode, [condition]: Inputs, scope: Scope) {
  if (condition?.kind !== 'data') throw new Unexplained('it branches on an activation');
  const taken = condition.read().data[0] ? 'then_branch' : 'else_branch';
  const graph = node.attributes.get(taken);
  if (!isGraph(graph)) throw new Unexplained(`it has no ${taken}`);
  const inner = new Scope(graph, scope);
  run(walk, graph, inner);
  return graph.outputs.map(({ name }) => inner.get(name));
}
