/**
 * Inlines the functions of the model: each call becomes the nodes of the function's body over fresh value names.
 *
 * The reader has checked that no function calls itself and that all calls together stay below its limit of nodes.
 */

import { SinterError } from '../../../../core/errors.js';
import {
  type Attribute,
  isGraph,
  isReference,
  type OnnxFunction,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
} from '../model.js';
import { describe } from './attributes.js';
import { markOldOperators } from './old-operators.js';
import type { AppliedRule } from './plain-model.js';

type Functions = ReadonlyMap<string, OnnxFunction>;

/** Largest depth of calls inside calls. */
const MAX_DEEP = 256;

/** Makes a prefix for each call, so that no two calls share a value name. */
class Names {
  readonly #taken: Set<string>;
  #calls = 0;

  constructor(graph: OnnxGraph) {
    this.#taken = new Set([...graph.initializers.keys(), ...graph.inputs.map((i) => i.name)]);
    for (const node of graph.nodes) for (const output of node.outputs) this.#taken.add(output);
  }

  call(): (local: string) => string {
    this.#calls += 1;
    const prefix = `call_${this.#calls}`;
    return (local) => {
      let name = `${prefix}/${local}`;
      while (this.#taken.has(name)) name = `${name}_`;
      return name;
    };
  }
}

/** Attributes of a node in a body, with references to the caller's attributes resolved. */
function bindAttributes(
  node: OnnxNode,
  given: ReadonlyMap<string, Attribute>,
): Map<string, Attribute> {
  const bound = new Map<string, Attribute>();
  for (const [name, value] of node.attributes) {
    if (!isReference(value)) bound.set(name, value);
    else {
      const argument = given.get(value.ref);
      if (argument !== undefined) bound.set(name, argument);
    }
  }
  return bound;
}

function renameBody(
  graph: OnnxGraph,
  name: (local: string) => string,
  given: ReadonlyMap<string, Attribute>,
): OnnxGraph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => bindNode(node, name, given)),
    initializers: new Map(
      [...graph.initializers].map(([key, value]) => [name(key), { ...value, name: name(key) }]),
    ),
    inputs: graph.inputs.map((value) => ({ ...value, name: name(value.name) })),
    outputs: graph.outputs.map((value) => ({ ...value, name: name(value.name) })),
  };
}

function bindNode(
  node: OnnxNode,
  name: (local: string) => string,
  given: ReadonlyMap<string, Attribute>,
): OnnxNode {
  const attributes = bindAttributes(node, given);
  for (const [key, value] of attributes) {
    // Only graphs of the body are renamed: a graph passed as an attribute already uses the caller's names.
    if (isGraph(value) && isGraph(node.attributes.get(key))) {
      attributes.set(key, renameBody(value, name, given));
    }
  }
  const rename = (local: string) => (local === '' ? '' : name(local));
  return {
    ...node,
    attributes,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  };
}

function body(call: OnnxNode, target: OnnxFunction, names: Names): OnnxNode[] {
  if (call.inputs.length > target.inputs.length || call.outputs.length > target.outputs.length) {
    throw new SinterError(
      'CORRUPT_MODEL',
      `${describe(call)} has more inputs or outputs than its function`,
      {
        details: { node: call.name, operator: call.op },
      },
    );
  }
  const bound = new Map<string, string>();
  for (const [index, formal] of target.inputs.entries())
    bound.set(formal, call.inputs[index] ?? '');
  const fresh = names.call();
  const rename = (local: string): string => bound.get(local) ?? fresh(local);
  const given = new Map([...target.defaults, ...call.attributes]);
  const nodes = target.nodes.map((node) => bindNode(node, rename, given));
  // Identity nodes give the results the caller's names, because a result may be an input unchanged. A rule removes them
  // later.
  target.outputs.forEach((formal, index) => {
    const output = call.outputs[index] ?? '';
    if (output === '') return;
    nodes.push({
      op: 'Identity',
      domain: '',
      name: call.name,
      inputs: [rename(formal)],
      outputs: [output],
      attributes: new Map(),
    });
  });
  return nodes;
}

function expand(
  nodes: readonly OnnxNode[],
  functions: Functions,
  names: Names,
  calls: string[],
  depth = 0,
): OnnxNode[] {
  if (depth > MAX_DEEP) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `functions call functions more than ${MAX_DEEP} deep`,
    );
  }
  return nodes.flatMap((node) => {
    const target = functions.get(`${node.domain}::${node.op}`);
    if (target === undefined) return [expandInside(node, functions, names, calls)];
    calls.push(describe(node));
    return expand(body(node, target, names), functions, names, calls, depth + 1);
  });
}

function expandInside(
  node: OnnxNode,
  functions: Functions,
  names: Names,
  calls: string[],
): OnnxNode {
  if (![...node.attributes.values()].some(isGraph)) return node;
  const attributes = new Map(node.attributes);
  for (const [key, value] of attributes) {
    if (!isGraph(value)) continue;
    attributes.set(key, { ...value, nodes: expand(value.nodes, functions, names, calls) });
  }
  return { ...node, attributes };
}

/** The model's graph without calls, and with operators whose meaning no longer depends on the version of the operator set. */
export function inlineFunctions(model: OnnxModel): {
  readonly graph: OnnxGraph;
  readonly applied: readonly AppliedRule[];
} {
  const modern = (nodes: readonly OnnxNode[], opsets: ReadonlyMap<string, number>) =>
    markOldOperators(nodes, opsets.get('') ?? model.opsets.get('') ?? 0);
  const functions: Functions = new Map(
    model.functions.map((target) => [
      `${target.domain}::${target.name}`,
      { ...target, nodes: modern(target.nodes, target.opsets) },
    ]),
  );
  const calls: string[] = [];
  const nodes = expand(
    modern(model.graph.nodes, model.opsets),
    functions,
    new Names(model.graph),
    calls,
  );
  return {
    graph: { ...model.graph, nodes },
    applied:
      calls.length === 0
        ? []
        : [{ rule: 'inline-function', count: calls.length, nodes: calls.slice(0, 8) }],
  };
}
