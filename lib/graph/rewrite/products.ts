/**
 * The products and tables that int8 takes or leaves as a whole, and their names.
 *
 * Weights that one node stacks (query, key and value) and nodes that read one weight (ALBERT's layers, a tied table) are one
 * product: they are stored alike or not at all.
 */

import { nearestName } from '../../core/nearest-name.js';
import { holdsCodes } from '../storages.js';
import type { EncoderGraph, GraphNode } from '../types.js';
import { quantizableWeights } from './quantize.js';

/** What is s8 or f32 as a whole. */
export interface QuantizableProduct {
  /** As a user names it: `encoder.layer.3.output.dense`, or `encoder.layer.3.attention.self` for query, key and value. */
  readonly name: string;
  /** Names of the weights. */
  readonly weights: readonly string[];
  /** Outputs of the linear nodes that read them, in the order of the graph; none for a table that is only looked up. */
  readonly outputs: readonly string[];
  /** Whether rows of it are looked up: the token table. */
  readonly isTable: boolean;
}

/** The products over tokens and the token table, in the order of the graph. */
export function quantizableProducts(graph: EncoderGraph): readonly QuantizableProduct[] {
  const allowed = quantizableWeights(graph, { embeddings: true });
  const groups = new Map<string, { weights: Set<string>; nodes: GraphNode[] }>();
  for (const node of graph.nodes) {
    const weights = readBy(node).filter((name) => allowed.has(name));
    const known = new Set(weights.flatMap((name) => groups.get(name) ?? []));
    const [first = { weights: new Set<string>(), nodes: [] }, ...others] = known;
    for (const other of others) {
      for (const name of other.weights) first.weights.add(name);
      first.nodes.push(...other.nodes);
    }
    for (const name of weights) first.weights.add(name);
    first.nodes.push(node);
    for (const name of first.weights) groups.set(name, first);
  }
  const all = [...new Set(groups.values())];
  const modules = all.map(({ weights }) => [...weights].map(moduleOf));
  return all.map(({ weights, nodes }, i) => ({
    name: nameOfGroup(modules, i),
    weights: [...weights],
    outputs: nodes.flatMap((node) => (node.op === 'linear' ? [node.output] : [])),
    isTable: nodes.some(({ op }) => op === 'embedding'),
  }));
}

/** Names of the products that hold floats though they could hold codes. */
export function floatProducts(graph: EncoderGraph): readonly string[] {
  const codes = new Set(graph.weights.filter(holdsCodes).map(({ name }) => name));
  return quantizableProducts(graph)
    .filter(({ weights }) => !weights.some((name) => codes.has(name)))
    .map(({ name }) => name);
}

/**
 * Names of the weights that these names select: weights, with or without `.weight`; modules, with all below them; values of the
 * graph as `sinter inspect --graph` prints them (`layer.3.output`); patterns of these, where `*` stands for any letters. The
 * prefix of a class (`bert.`) may be there or not. A selected weight brings the other weights of its product.
 *
 * A name of a weight that is never quantized selects nothing. Throws RangeError for a name that fits nothing.
 */
export function weightsNamed(
  where: string,
  graph: EncoderGraph,
  names: readonly string[],
): ReadonlySet<string> {
  const prefix = classPrefix(graph);
  const products = quantizableProducts(graph);
  const others = graph.nodes.flatMap(readBy).flatMap((name) => aliasesOf(name, prefix));
  const called = products.map(({ weights, outputs }) => [
    ...weights.flatMap((name) => aliasesOf(name, prefix)),
    ...outputs,
  ]);
  const selected = new Set<string>();
  for (const [i, name] of names.entries()) {
    const fits = readPattern(name, [...called.flat(), ...others]);
    const found = products.filter((_, k) => called[k]?.some(fits));
    for (const weight of found.flatMap(({ weights }) => weights)) selected.add(weight);
    if (found.length > 0 || others.some(fits)) continue;
    throw new RangeError(
      `${where}[${i}] must be a product of the model or a pattern that fits one, got ` +
        `${JSON.stringify(name)}${hint(name, products, called.flat())}`,
    );
  }
  return selected;
}

function hint(
  name: string,
  products: readonly QuantizableProduct[],
  called: readonly string[],
): string {
  const modules = called.flatMap((one) => {
    const parts = one.split('.');
    return parts.map((_, i) => parts.slice(0, i + 1).join('.'));
  });
  const near = name.includes('*') ? undefined : nearestName(name, new Set(modules));
  if (near !== undefined) return `; did you mean ${near}?`;
  const some = products.slice(0, 5).map((product) => product.name);
  return `; it has ${some.join(', ')}${products.length > some.length ? ' ...' : ''}`;
}

/** Whether a name of the model is the one, lies below the module or fits the pattern that was given. */
function readPattern(given: string, known: readonly string[]): (name: string) => boolean {
  const dot = given.indexOf('.');
  const first = given.slice(0, dot + 1);
  const isForeign =
    dot > 0 && !first.includes('*') && !known.some((name) => name.startsWith(first));
  const own = isForeign ? given.slice(dot + 1) : given;
  if (!own.includes('*')) return (name) => name === own || name.startsWith(`${own}.`);
  const escaped = own.split('*').map((text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const pattern = new RegExp(`^${escaped.join('.*')}$`);
  return (name) => pattern.test(name);
}

function readBy(node: GraphNode): readonly string[] {
  if (node.op === 'linear') return node.weights;
  return node.op === 'embedding' ? node.tables.map(({ weight }) => weight) : [];
}

const moduleOf = (weight: string): string => weight.replace(/\.weight$/, '');

/** The names of a weight: whole, as a module, and both without the prefix of a class. */
function aliasesOf(weight: string, prefix: string): string[] {
  const names = [weight, moduleOf(weight)];
  if (prefix === '' || !weight.startsWith(prefix)) return names;
  return [...names, ...names.map((name) => name.slice(prefix.length))];
}

/** What stands before `embeddings.` in the name of the token table: `bert.`, or nothing. */
function classPrefix(graph: EncoderGraph): string {
  const tables = graph.nodes.flatMap((node) => (node.op === 'embedding' ? node.tables : []));
  const token = tables.find(({ index }) => index === 'token')?.weight ?? '';
  return /^(\w+\.)embeddings\./.exec(token)?.[1] ?? '';
}

/** The name of one weight's module; of several the module above them if nothing else lies below it, else the first. */
function nameOfGroup(groups: readonly (readonly string[])[], index: number): string {
  const [first = '', ...others] = groups[index] ?? [];
  if (others.length === 0) return first;
  const parts = first.split('.');
  const isShared = (count: number) =>
    others.every((name) => name.startsWith(`${parts.slice(0, count).join('.')}.`));
  let count = parts.length - 1;
  while (count > 0 && !isShared(count)) count--;
  const above = parts.slice(0, count).join('.');
  const isAlone = groups.every(
    (names, i) => i === index || names.every((name) => !`${name}.`.startsWith(`${above}.`)),
  );
  return count > 0 && isAlone ? above : first;
}
