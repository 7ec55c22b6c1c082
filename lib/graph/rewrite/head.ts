/**
 * Heads: what stands behind an encoder and gives a task its logits. A new head is a rewrite of the graph, whatever the encoder in
 * it looks like.
 */

import { GraphBuilder } from '../builder.js';
import type { NewWeight } from '../checkpoint.js';
import type { HeadTask } from '../tasks.js';
import type { ActivationKind, EncoderGraph, OutputName, PoolKind, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import { onlyOutputs } from './outputs.js';
import { withPlainMatrices } from './tables.js';

/** dropout -> dense -> activation -> norm; module names are those of the file. */
export interface Transform {
  readonly name: string;
  readonly width: number;
  readonly activation: ActivationKind;
  /** Before the product. */
  readonly dropout?: number;
  /** Default: true. */
  readonly bias?: boolean;
  readonly norm?: { readonly name: string; readonly epsilon: number; readonly bias?: boolean };
}

/** rows -> transform -> dropout -> last product. */
export interface HeadPlan {
  /** What it works on; `pooler`: what the encoder's own pooler gives; a kind of pooling: that of the last hidden value. */
  readonly rows: 'pooler' | 'token' | 'selected' | PoolKind;
  readonly transform?: Transform;
  readonly dropout?: number;
  /** Module of the last product: `output.weight`, `output.bias`. */
  readonly output: string;
  /**
   * masked-lm: name of the bias when it is not `output.bias`, null without one. The weight is that of the token table
   * unless the config unties them.
   */
  readonly bias?: string | null;
}

/** What the heads of an encoder look like and what they are called. A family says it when a folder is read. */
export interface HeadPlans {
  readonly heads: Readonly<Partial<Record<HeadTask, HeadPlan>>>;
  /** What stands before the encoder's names below a head: `bert.`; may be empty. */
  readonly prefix: string;
  /** Module (below the prefix) of tanh(linear(first token)); null without one. */
  readonly pooler: string | null;
  /** Whether a masked LM has a matrix of its own instead of the token table. */
  readonly untied: boolean;
  /** Longest text in tokens. */
  readonly positions: number;
  /** How a new matrix is drawn. */
  readonly init: (weight: string) => { readonly deviation: number; readonly cutoff?: number };
}

/** The encoder that a head is added to, its names below the prefix as they are in the graph. */
export interface HeadBase {
  /** The last token value and its width. */
  readonly value: string;
  readonly width: number;
  /** Module of the pooler. */
  readonly pooler: string | null;
  /** The token table and its rows. */
  readonly tokens: { readonly name: string; readonly rows: number };
  readonly untied: boolean;
}

const DROPPED = 'head.dropped';

/** Adds rows -> transform -> dropout -> last product, and offers the end as `logits`. */
export function addHead(
  b: GraphBuilder,
  base: HeadBase,
  plan: HeadPlan,
  task: HeadTask,
  labels: number,
): void {
  const { value, width } = addTransform(b, plan.transform, {
    value: headRows(b, base, plan),
    width: base.width,
  });
  const input = plan.dropout === undefined ? value : b.dropout(plan.dropout, value, DROPPED);
  b.output('logits', addLast(b, base, plan, task, labels, { value: input, width }));
}

/** Adds tanh(linear(first token)): what BertModel calls pooler_output. */
export function addPooler(b: GraphBuilder, name: string, width: number, hidden: string): string {
  const first = b.pool('cls', hidden, 'pooler.first');
  const pooled = b.linear([{ name, inputs: width, outputs: width }], 'tanh', first, 'pooled');
  b.output('pooled', pooled);
  return pooled;
}

function headRows(b: GraphBuilder, { value, width, pooler }: HeadBase, { rows }: HeadPlan): string {
  if (rows === 'pooler') return addPooler(b, pooler ?? 'pooler.dense', width, value);
  if (rows === 'token') return value;
  if (rows === 'selected') return b.select(value, 'head.rows');
  return b.pool(rows, value, 'head.rows');
}

interface Rows {
  readonly value: string;
  readonly width: number;
}

function addTransform(b: GraphBuilder, transform: Transform | undefined, rows: Rows): Rows {
  if (transform === undefined) return rows;
  const { value, width: inputs } = rows;
  const { name, width, activation, dropout, bias = true, norm } = transform;
  const input = dropout === undefined ? value : b.dropout(dropout, value, 'head.rows.dropped');
  const module = { name, inputs, outputs: width, bias };
  const dense = b.linear([module], activation, input, 'head.dense');
  if (norm === undefined) return { value: dense, width };
  const form = norm.bias === undefined ? {} : { bias: norm.bias };
  const normed = b.norm(norm.name, width, norm.epsilon, dense, null, 'head.norm', form);
  return { value: normed, width };
}

function addLast(
  b: GraphBuilder,
  { tokens, untied }: HeadBase,
  { output, bias }: HeadPlan,
  task: HeadTask,
  labels: number,
  { value, width: inputs }: Rows,
): string {
  if (task !== 'masked-lm') {
    const outputs = task === 'question-answering' ? 2 : labels;
    return b.linear([{ name: output, inputs, outputs }], 'none', value, 'logits');
  }
  const name = untied ? `${output}.weight` : tokens.name;
  const biases = bias === null ? [] : [bias ?? `${output}.bias`];
  return b.product([{ name, inputs, outputs: tokens.rows }], biases, 'none', value, 'logits');
}

export interface HeadWish {
  readonly task: HeadTask;
  /** classification and token-classification: how many. */
  readonly labels: number;
  readonly maxTokens: number;
}

/** A graph with a new head: where each weight comes from, and how the new ones begin. */
export interface WithHead {
  readonly graph: EncoderGraph;
  /** Weight of the new graph -> its name in the old one. */
  readonly sources: ReadonlyMap<string, string>;
  readonly created: readonly NewWeight[];
}

/**
 * `graph` with a new, untrained head instead of the one that it has, or of its sentence vectors. Its encoder is kept as it is;
 * a pooler that it has is the new head's too. `plans` must have a head for the task.
 */
export function withHead(graph: EncoderGraph, plans: HeadPlans, wish: HeadWish): WithHead {
  const { task, labels, maxTokens } = wish;
  const plan = plans.heads[task] as HeadPlan;
  const values = validateGraph(graph);
  const names = Object.keys(graph.outputs).filter((name) => name.startsWith('hidden'));
  const bare = onlyOutputs(graph, names as OutputName[]);
  const { rename, sources } = belowPrefix(bare, graph, plans);
  const b = GraphBuilder.over(bare, { weight: rename });
  const value = graph.outputs.hidden ?? '';
  const tokens = tokenTable(bare);
  addHead(
    b,
    {
      value,
      width: values.get(value)?.width ?? 0,
      pooler: plans.pooler === null ? null : plans.prefix + plans.pooler,
      tokens: { name: rename(tokens.name), rows: tokens.shape[0] ?? 0 },
      untied: plans.untied,
    },
    plan,
    task,
    labels,
  );
  const { architecture, vocabulary, segments } = graph;
  const made = withPlainMatrices(b.finish({ architecture, maxTokens, vocabulary, segments }));
  validateGraph(made);
  const fresh = made.weights.filter(({ name }) => !sources.has(name));
  return {
    graph: made,
    sources: new Map([...sources].filter(([name]) => made.weights.some((w) => w.name === name))),
    created: fresh.map((weight) => ({ ...weight, init: initOf(weight, plans) })),
  };
}

/** The names of an encoder's weights below a head, where they are not below it already. */
function belowPrefix(bare: EncoderGraph, graph: EncoderGraph, { prefix, pooler }: HeadPlans) {
  const below = tokenTable(bare).name.startsWith(prefix);
  const rename = (name: string) => (below ? name : prefix + name);
  const kept = new Set(bare.weights.map(({ name }) => name));
  const ofPooler = (name: string) =>
    pooler !== null && name.startsWith(`${below ? prefix : ''}${pooler}.`);
  const old = graph.weights.filter(({ name }) => kept.has(name) || ofPooler(name));
  return { rename, sources: new Map(old.map(({ name }) => [rename(name), name])) };
}

function tokenTable(graph: EncoderGraph): WeightSpec {
  for (const node of graph.nodes) {
    const table = node.op === 'embedding' && node.tables.find(({ index }) => index === 'token');
    const found = table && graph.weights.find(({ name }) => name === table.weight);
    if (found) return found;
  }
  return { name: '', shape: [0, 0], dtype: 'f32' };
}

/** Biases begin with zeros, norms with ones, matrices at random. */
function initOf({ name, shape }: WeightSpec, { init }: HeadPlans): NewWeight['init'] {
  if (name.endsWith('bias')) return { kind: 'zero' };
  return shape.length === 1 ? { kind: 'one' } : { kind: 'normal', ...init(name) };
}
