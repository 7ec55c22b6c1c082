/**
 * Narrower graphs without some heads, neurons or layers, and the rows and columns of their weights that remain.
 *
 * If a value becomes narrower, so do the node that makes it and all nodes that read it. If that is impossible (at a sum, a
 * norm, an output of the graph), or if a shared weight would be cut in two ways, nothing is cut and a RangeError names the
 * place.
 */

import { inputsOf, weightsOf } from '../nodes.js';
import { type GraphNode, type NodeOf, rowOf } from '../ops.js';
import type { EncoderGraph, WeightSpec } from '../types.js';
import { type ValueShape, validateGraph } from '../validate.js';

/** Rows and columns of a weight that remain: indices in increasing order; left out: all. */
export interface WeightCut {
  readonly rows?: readonly number[];
  readonly columns?: readonly number[];
}

export interface CutGraph {
  readonly graph: EncoderGraph;
  /** The weights that lost rows or columns. */
  readonly cuts: ReadonlyMap<string, WeightCut>;
  /** New copies of shared weights -> their names in the old graph. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Indices to remove, by layer number, counted from 0 in the order in which layers run. */
export type LayerCuts = ReadonlyMap<number, readonly number[]>;

/**
 * `graph` without these attention heads. Throws RangeError if a layer or a head does not exist, or if a layer would have no
 * head left.
 */
export function cutHeads(graph: EncoderGraph, heads: LayerCuts): CutGraph {
  const cutter = new Cutter(graph);
  const layers = graph.nodes.filter((node) => node.op === 'attention');
  for (const [layer, removed] of heads) {
    const node = layers[layer];
    if (node === undefined) throw noLayer(layer, layers.length);
    cutter.cutHeads(node, kept(`heads of layer ${layer}`, node.heads, removed));
  }
  return cutter.finish();
}

/**
 * `graph` without these neurons: columns of the wide value in the feed-forward part of a layer. Throws RangeError as
 * cutHeads does.
 */
export function cutNeurons(graph: EncoderGraph, neurons: LayerCuts): CutGraph {
  const cutter = new Cutter(graph);
  const layers = feedForwards(graph);
  for (const [layer, removed] of neurons) {
    const value = layers[layer];
    if (value === undefined) throw noLayer(layer, layers.length);
    const what = `neurons of layer ${layer}`;
    cutter.narrow(value, kept(what, cutter.widthOf(value), removed));
  }
  return cutter.finish();
}

function noLayer(layer: number, count: number): RangeError {
  return new RangeError(`layers must be from 0 to ${count - 1}, got ${layer}`);
}

/** The indices below `count` without `removed`. */
function kept(what: string, count: number, removed: readonly number[]): readonly number[] {
  const out = new Set(removed);
  const wrong = removed.find((i) => !(Number.isSafeInteger(i) && i >= 0 && i < count));
  if (wrong !== undefined) {
    throw new RangeError(`${what} must be from 0 to ${count - 1}, got ${wrong}`);
  }
  if (out.size === count) throw new RangeError(`${what}: at least one must be left of ${count}`);
  return Array.from({ length: count }, (_, i) => i).filter((i) => !out.has(i));
}

/**
 * The wide value in each layer's feed-forward part: the input of the last of the three products over tokens after its
 * attention.
 */
export function feedForwards(graph: EncoderGraph): readonly string[] {
  const found: string[] = [];
  const { nodes } = graph;
  const values = validateGraph(graph);
  for (const [i, node] of nodes.entries()) {
    if (node.op !== 'attention') continue;
    const next = nodes.findIndex((other, j) => j > i && other.op === 'attention');
    const products = nodes
      .slice(i, next < 0 ? nodes.length : next)
      .filter((other) => other.op === 'linear')
      .filter(({ output }) => values.get(output)?.kind === 'token')
      .filter(({ input }) => !isNarrowPart(graph, input));
    // Output projection, up, down. The products of the next attention may follow.
    const down = products[2];
    if (down === undefined) throw new RangeError(`layer ${found.length} has no feed-forward part`);
    found.push(down.input);
  }
  return found;
}

/** Whether a value is between the two products of a low-rank one (low-rank.ts), which count as one. */
function isNarrowPart({ nodes }: EncoderGraph, value: string): boolean {
  const maker = nodes.find(({ output }) => output === value);
  return maker?.op === 'linear' && maker.activation === 'none' && maker.biases.length === 0;
}

class Cutter {
  private readonly graph: EncoderGraph;
  private readonly values: ReadonlyMap<string, ValueShape>;
  private readonly shapes: Map<string, readonly number[]>;
  /** New copies of shared bias tables, by the output of their attention. */
  private readonly copies = new Map<string, { readonly from: string; readonly name: string }>();
  private readonly makers: ReadonlyMap<string, GraphNode>;
  private readonly cuts = new Map<
    string,
    { rows?: readonly number[]; columns?: readonly number[] }
  >();
  /** Uses of weights that were cut, as `weight of node output`. */
  private readonly seen = new Set<string>();
  private readonly narrowed = new Map<string, readonly number[]>();
  private readonly heads = new Map<string, number>();

  constructor(graph: EncoderGraph) {
    this.graph = graph;
    this.values = validateGraph(graph);
    this.shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
    this.makers = new Map(graph.nodes.map((node) => [node.output, node]));
  }

  widthOf(value: string): number {
    return this.values.get(value)?.width ?? 0;
  }

  cutHeads(node: NodeOf<'attention'>, heads: readonly number[]): void {
    const { headDim, relativeBias, disentangled } = node;
    const channels = heads.flatMap((head) =>
      Array.from({ length: headDim }, (_, i) => head * headDim + i),
    );
    const width = this.widthOf(node.output);
    const blocks = [0, 1, 2].flatMap((block) => channels.map((channel) => block * width + channel));
    this.heads.set(node.output, heads.length);
    this.narrow(node.input, blocks);
    for (const table of [disentangled?.keys, disentangled?.queries]) {
      if (table) this.narrow(table, channels);
    }
    if (relativeBias) this.cutBias(node, relativeBias.weight, heads);
    this.narrowReaders(node.output, channels);
  }

  /** Layers may share one table of relative biases, so each cut layer gets its own copy. */
  private cutBias(node: NodeOf<'attention'>, weight: string, heads: readonly number[]): void {
    const name = `${weight}.${node.output}`;
    this.copies.set(node.output, { from: weight, name });
    this.shapes.set(name, this.shapes.get(weight) ?? []);
    this.cuts.set(name, { columns: heads });
  }

  /** Keeps only these columns of `value`: the node that makes it and the nodes that read it become narrower too. */
  narrow(value: string, keep: readonly number[]): void {
    if (this.isDone(value, keep)) return;
    const maker = this.makers.get(value);
    if (maker === undefined) throw new RangeError(`there is no value ${value}`);
    switch (maker.op) {
      case 'linear':
        this.cutOutputs(maker, keep);
        break;
      case 'concat':
        this.narrowParts(maker, keep);
        break;
      default:
        this.narrow(inputOf(maker, value), this.columnsOf(maker, keep));
    }
    this.narrowReaders(value, keep);
  }

  /** Whether `value` has been narrowed already. Throws if two readers want different columns of it. */
  private isDone(value: string, keep: readonly number[]): boolean {
    const known = this.narrowed.get(value);
    if (known === undefined) {
      this.narrowed.set(value, keep);
      return false;
    }
    if (isSame(known, keep)) return true;
    throw refusal(value, 'it would have to be cut in two ways');
  }

  private narrowReaders(value: string, keep: readonly number[]): void {
    if (Object.values(this.graph.outputs).includes(value)) {
      throw refusal(value, 'it is an output of the graph');
    }
    for (const reader of this.graph.nodes) {
      if (!inputsOf(reader).includes(value)) continue;
      if (reader.op === 'linear') this.cutInputs(reader, keep);
      else if (reader.op === 'attention' && this.heads.has(reader.output)) continue;
      else if (this.narrowed.has(reader.output)) continue;
      else if (isSame(rowOf(reader.op)?.columns?.(keep, this.widthOf(value)) ?? [], keep)) {
        this.narrowed.set(reader.output, keep);
        this.narrowReaders(reader.output, keep);
      } else throw refusal(value, `${reader.op} reads it`);
    }
  }

  /** The columns of a node's input from which these columns of its output are computed. */
  private columnsOf(node: GraphNode, keep: readonly number[]): readonly number[] {
    const columns = rowOf(node.op)?.columns?.(keep, this.widthOf(node.output));
    if (columns === undefined) throw refusal(node.output, `it comes from ${node.op}`);
    return columns;
  }

  private narrowParts(node: NodeOf<'concat'>, keep: readonly number[]): void {
    let begin = 0;
    for (const input of node.inputs) {
      const width = this.widthOf(input);
      const from = begin;
      const own = keep.filter((column) => column >= from && column < from + width);
      this.narrow(
        input,
        own.map((column) => column - from),
      );
      begin += width;
    }
  }

  private cutOutputs(node: NodeOf<'linear'>, keep: readonly number[]): void {
    let begin = 0;
    for (const [i, weight] of node.weights.entries()) {
      const from = begin;
      const [count = 0] = this.shapes.get(weight) ?? [];
      const own = keep.filter((row) => row >= from && row < from + count).map((row) => row - from);
      if (own.length === 0) throw refusal(node.output, `nothing would be left of ${weight}`);
      this.cut(node, weight, { rows: own });
      const bias = node.biases[i];
      if (bias !== undefined) this.cut(node, bias, { rows: own });
      begin += count;
    }
  }

  private cutInputs(node: NodeOf<'linear'>, keep: readonly number[]): void {
    for (const weight of node.weights) this.cut(node, weight, { columns: keep });
    if (node.equalizer !== undefined) this.cut(node, node.equalizer, { rows: keep });
  }

  private cut(node: GraphNode, weight: string, by: WeightCut): void {
    const known = this.cuts.get(weight) ?? {};
    for (const side of ['rows', 'columns'] as const) {
      const [old, now] = [known[side], by[side]];
      if (old !== undefined && now !== undefined && !isSame(old, now)) {
        throw new RangeError(`weight ${weight} is shared: it would have to be cut in two ways`);
      }
    }
    this.cuts.set(weight, { ...known, ...by });
    this.seen.add(`${weight} of ${node.output}`);
  }

  finish(): CutGraph {
    for (const node of this.graph.nodes) {
      for (const weight of weightsOf(node)) {
        if (!this.cuts.has(weight) || this.seen.has(`${weight} of ${node.output}`)) continue;
        throw new RangeError(
          `weight ${weight} is shared with ${node.output}, which was not to be cut: cut both alike`,
        );
      }
    }
    const nodes = this.graph.nodes.map((node) => this.nodeAfter(node));
    const used = new Set(nodes.flatMap(weightsOf));
    const copies = [...this.copies.values()];
    const all = [
      ...this.graph.weights,
      ...copies.map(
        ({ name }): WeightSpec => ({ name, shape: this.shapes.get(name) ?? [], dtype: 'f32' }),
      ),
    ];
    const weights = all
      .filter(({ name }) => used.has(name))
      .map((weight) => ({ ...weight, shape: shapeAfter(weight, this.cuts.get(weight.name)) }));
    const graph = { ...this.graph, weights, nodes };
    validateGraph(graph);
    const sources = new Map(copies.map(({ name, from }) => [name, from]));
    return { graph, cuts: this.cuts, sources };
  }

  private nodeAfter(node: GraphNode): GraphNode {
    const heads = this.heads.get(node.output);
    if (node.op !== 'attention' || heads === undefined) return node;
    const copy = this.copies.get(node.output);
    const { relativeBias } = node;
    if (copy === undefined || relativeBias === undefined) return { ...node, heads };
    return { ...node, heads, relativeBias: { ...relativeBias, weight: copy.name } };
  }
}

/** The input of a node that has just one. */
function inputOf(node: GraphNode, value: string): string {
  const [input, ...more] = inputsOf(node);
  if (input !== undefined && more.length === 0) return input;
  throw refusal(value, `it comes from ${node.op}`);
}

function shapeAfter({ shape }: WeightSpec, cut: WeightCut = {}): readonly number[] {
  const [rows, columns] = shape as [number, number?];
  const height = cut.rows?.length ?? rows;
  return columns === undefined ? [height] : [height, cut.columns?.length ?? columns];
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function refusal(value: string, why: string): RangeError {
  return new RangeError(`value ${value} cannot become narrower: ${why}`);
}
