/**
 * Checks which branches of a graph texts of another length take: a walk sees only the branch that its probe takes.
 */

import type { OnnxNode, Tensor } from '../model.js';
import type { PlainModel } from '../plain/plain-model.js';
import { neededNodes } from '../reference/evaluate.js';
import { sizeOf } from './form.js';
import { feedFor, makeProbe, type ProbeShape } from './probe.js';
import type { Inputs } from './roles.js';
import type { Walk } from './walk.js';

/** Most elements of a value on the way to a condition; larger values are masks or activations. */
const LARGE = 2 ** 20;

/**
 * Conditions of the graph's own `If` nodes for texts of this length, as text to compare; null when they depend on more than
 * sizes.
 */
export function conditionsAt(
  { graph }: PlainModel,
  { roles }: Inputs,
  shape: ProbeShape,
  compute: Walk['compute'],
): string | null {
  const wanted = graph.nodes.filter(isIf).map(({ inputs }) => inputs[0] ?? '');
  if (wanted.length === 0) return '';
  const probe = makeProbe(shape);
  const values = new Map<string, Tensor>();
  for (const input of graph.inputs) {
    const role = roles.get(input.name);
    if (role !== undefined) values.set(input.name, feedFor(probe, role, input));
  }
  const read = (name: string): Tensor | null => {
    const known = values.get(name) ?? graph.initializers.get(name);
    if (known === undefined || sizeOf(known.dims) > LARGE) return null;
    return 'read' in known ? known.read() : known;
  };
  for (const node of neededNodes(graph, wanted)) {
    const inputs = node.inputs.map((name) => (name === '' ? null : read(name)));
    if (isIf(node) || node.inputs.some((name, i) => name !== '' && !inputs[i])) return null;
    if (inputs.reduce((product, tensor) => product * longest(tensor), 1) > LARGE * 64) return null;
    compute(node, inputs).forEach((tensor, i) => {
      values.set(node.outputs[i] ?? '', tensor);
    });
  }
  return wanted.map((name) => Number(Boolean(read(name)?.data[0]))).join();
}

function isIf({ op, domain }: OnnxNode): boolean {
  return op === 'If' && domain === '';
}

function longest(tensor: Tensor | null): number {
  return Math.max(1, ...(tensor?.dims ?? []));
}
