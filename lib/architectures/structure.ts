/**
 * Properties of the encoder in a graph: sizes, kinds and numbers, found from its nodes, never from names.
 *
 * The keys of a family's config.json are made from them, for the family's own graphs and for those recovered from ONNX files
 * alike. Properties that a config.json cannot express (layers of different sizes) throw UNSUPPORTED_MODEL.
 */

import { SinterError } from '../core/errors.js';
import type {
  ActivationKind,
  AttentionNode,
  EmbeddingIndex,
  EncoderGraph,
  GraphNode,
  LinearNode,
  PoolKind,
} from '../graph/types.js';
import { type ValueShape, validateGraph } from '../graph/validate.js';

type NodeOf<Op extends GraphNode['op']> = Extract<GraphNode, { op: Op }>;

/** A table of the embedding: weight name, rows, width, and the offset of its index. */
export interface TableFacts {
  readonly weight: string;
  readonly rows: number;
  readonly width: number;
  readonly offset: number;
}

export class GraphStructure {
  readonly graph: EncoderGraph;
  /** The attention nodes in the order in which they run; at least one. */
  readonly attention: readonly AttentionNode[];
  readonly tokens: TableFacts;
  private readonly values: ReadonlyMap<string, ValueShape>;
  private readonly shapes: ReadonlyMap<string, readonly number[]>;

  constructor(graph: EncoderGraph) {
    this.graph = graph;
    this.values = validateGraph(graph);
    this.shapes = new Map(graph.weights.map(({ name, shape }) => [name, shape]));
    this.attention = this.nodes('attention');
    const tokens = this.table('token');
    if (tokens === null || this.attention.length === 0) {
      throw notWritable('it has no token table or no attention');
    }
    this.tokens = tokens;
  }

  nodes<Op extends GraphNode['op']>(op: Op): NodeOf<Op>[] {
    return this.graph.nodes.filter((node): node is NodeOf<Op> => node.op === op);
  }

  /** The table with this index; null if the embedding has none. */
  table(index: EmbeddingIndex): TableFacts | null {
    const found = this.nodes('embedding')[0]?.tables.find((table) => table.index === index);
    if (found === undefined) return null;
    const [rows = 0, width = 0] = this.shape(found.weight);
    return { weight: found.weight, rows, width, offset: found.offset };
  }

  /** As `table`, but throws UNSUPPORTED_MODEL if there is none. */
  tableOf(index: EmbeddingIndex): TableFacts {
    const found = this.table(index);
    if (found !== null) return found;
    throw notWritable(`its embedding has no ${index} table`);
  }

  shape(weight: string): readonly number[] {
    return this.shapes.get(weight) ?? [];
  }

  /** Width of the layers. */
  get hidden(): number {
    const widths = this.attention.map((_, i) => this.rowsOf(this.linearAfter(i, 0)));
    return uniform(widths, 'hidden sizes');
  }

  get heads(): number {
    const heads = uniform(
      this.attention.map((node) => node.heads),
      'numbers of heads',
    );
    const headDim = uniform(
      this.attention.map((node) => node.headDim),
      'head sizes',
    );
    if (heads * headDim === this.hidden) return heads;
    throw notWritable(`${heads} heads do not fill hidden size ${this.hidden}`);
  }

  /** Whether the feed-forward parts have gates. */
  get gated(): boolean {
    return this.nodes('gate').length > 0;
  }

  get intermediate(): number {
    const rows = this.attention.map((_, i) => this.rowsOf(this.linearAfter(i, 1)));
    return uniform(rows, 'intermediate sizes') / (this.gated ? 2 : 1);
  }

  /** Activation of the feed-forward parts. */
  get activation(): ActivationKind {
    const kinds = this.gated
      ? this.nodes('gate').map((node) => node.activation)
      : this.attention.map((_, i) => this.linearAfter(i, 1).activation);
    return uniform(kinds, 'activations');
  }

  /** Epsilon of the encoder's norms. */
  get epsilon(): number {
    const norms = this.nodes('norm').filter(({ output }) => this.kindOf(output) === 'token');
    return uniform(
      norms.map(({ epsilon }) => tidy(epsilon)),
      'epsilons',
    );
  }

  /** Whether the products or the norms have biases. */
  hasBias(of: 'attention' | 'feed-forward' | 'norm'): boolean {
    if (of === 'norm') return this.nodes('norm').some(({ bias }) => bias !== null);
    return this.linearAfter(0, of === 'attention' ? 0 : 1).biases.length > 0;
  }

  /** Whether a masked LM has an output matrix of its own; null if the graph is not a masked LM. */
  get untied(): boolean | null {
    const logits = this.graph.outputs.logits;
    const last = this.nodes('linear').find(({ output }) => output === logits);
    if (last === undefined || this.kindOf(last.output) !== 'selected') return null;
    return last.weights[0] !== this.tokens.weight;
  }

  /** The node that makes `value`, skipping dropouts. */
  maker(value: string): GraphNode | undefined {
    const node = this.graph.nodes.find(({ output }) => output === value);
    return node?.op === 'dropout' ? this.maker(node.input) : node;
  }

  /** The parts of the head: its last product, the norm before that, the product before the norm, and the pooling of its rows. */
  get head(): {
    readonly last: LinearNode | undefined;
    readonly norm: NodeOf<'norm'> | undefined;
    readonly dense: LinearNode | undefined;
    readonly pooling: PoolKind | undefined;
  } {
    const last = this.linear(this.graph.outputs.logits);
    const before = last === undefined ? undefined : this.maker(last.input);
    const norm = before?.op === 'norm' ? before : undefined;
    const dense = this.linear(norm?.input ?? last?.input);
    const rows = dense === undefined ? undefined : this.maker(dense.input);
    return { last, norm, dense, pooling: rows?.op === 'pool' ? rows.kind : undefined };
  }

  private linear(value: string | undefined): LinearNode | undefined {
    const node = this.maker(value ?? '');
    return node?.op === 'linear' ? node : undefined;
  }

  /** The first weight of the product that makes `value`. */
  firstWeight(value: string): string | undefined {
    return this.linear(value)?.weights[0];
  }

  kindOf(value: string): ValueShape['kind'] | undefined {
    return this.values.get(value)?.kind;
  }

  widthOf(value: string | undefined): number {
    return this.values.get(value ?? '')?.width ?? 0;
  }

  /**
   * A product over tokens after an attention: number 0 is the attention's output projection, 1 the first product of the
   * feed-forward part.
   */
  private linearAfter(attention: number, place: number): LinearNode {
    const { nodes } = this.graph;
    const begin = nodes.indexOf(this.attention[attention] as AttentionNode);
    let left = place;
    for (const node of nodes.slice(begin)) {
      if (node.op !== 'linear' || this.kindOf(node.output) !== 'token') continue;
      if (left === 0) return node;
      left--;
    }
    throw notWritable('an attention has no feed-forward part');
  }

  private rowsOf({ output }: LinearNode): number {
    return this.widthOf(output);
  }
}

/** Rounds a float32 from a file to six digits, which gives the decimal number that was meant. */
export function tidy(value: number): number {
  return Number(value.toPrecision(6));
}

/** The common value of all items. Throws UNSUPPORTED_MODEL if they differ. */
export function uniform<T extends string | number>(values: readonly T[], what: string): T {
  const [first] = values;
  if (first === undefined) throw notWritable(`no ${what}`);
  const other = values.find((value) => value !== first);
  if (other === undefined) return first;
  throw notWritable(`${what} differ between layers (${first} and ${other})`);
}

export function notWritable(what: string): SinterError {
  return new SinterError(
    'UNSUPPORTED_MODEL',
    `cannot be written as a config.json: ${what}; export it as ONNX instead`,
  );
}
