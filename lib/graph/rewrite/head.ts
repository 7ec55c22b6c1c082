/**
 * Heads: the part after the encoder that computes the logits of a task. A new head is a rewrite of the graph and works for
 * any encoder.
 */

import { GraphBuilder } from '../builder.js';
import type { NewWeight } from '../checkpoint.js';
import type { HeadTask } from '../tasks.js';
import type { ActivationKind, EncoderGraph, OutputName, PoolKind, WeightSpec } from '../types.js';
import { validateGraph } from '../validate.js';
import { onlyOutputs } from './outputs.js';
import { withPlainMatrices } from './tables.js';

/** dropout -> dense -> activation -> norm. Names are those of the modules in the file. */
export interface Transform {
  readonly name: string;
  readonly width: number;
  readonly activation: ActivationKind;
  /** Dropout before the dense layer. */
  readonly dropout?: number;
  /** Whether the dense layer has a bias. Default: true. */
  readonly bias?: boolean;
  readonly norm?: { readonly name: string; readonly epsilon: number; readonly bias?: boolean };
}

/** rows -> transform -> dropout -> last product. */
export interface HeadPlan {
  /** Input of the head. `pooler`: the output of the encoder's own pooler; a kind of pooling: the last hidden value, pooled. */
  readonly rows: 'pooler' | 'token' | 'selected' | PoolKind;
  readonly transform?: Transform;
  readonly dropout?: number;
  /** Module of the last product: `output.weight`, `output.bias`. */
  readonly output: string;
  /**
   * masked-lm: name of the bias if it is not `output.bias`; null: no bias. The weight is the token table unless the config
   * unties them.
   */
  readonly bias?: string | null;
}

/** Form and names of the heads of an encoder. A family provides them when a folder is read. */
export interface HeadPlans {
  readonly heads: Readonly<Partial<Record<HeadTask, HeadPlan>>>;
  /** Prefix of the encoder's names in a model with a head: `bert.`; may be empty. */
  readonly prefix: string;
  /** Module (after the prefix) of tanh(linear(first token)); null: no pooler. */
  readonly pooler: string | null;
  /** Whether a masked LM has an output matrix of its own instead of the token table. */
  readonly untied: boolean;
  /** Longest text in tokens. */
  readonly positions: number;
  /** Distribution of a new matrix: normal, truncated at `cutoff` deviations if given. */
  readonly init: (weight: string) => { readonly deviation: number; readonly cutoff?: number };
}

/** The encoder that a head is added to; names are those in the graph, with the prefix. */
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

/** Adds rows -> transform -> dropout -> last product; the result is the output `logits`. */
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
  /** classification and token-classification: the number of labels. */
  readonly labels: number;
  readonly maxTokens: number;
}

/** A graph with a new head, and the origin or the initial values of each weight. */
export interface WithHead {
  readonly graph: EncoderGraph;
  /** Weight of the new graph -> its name in the old one. */
  readonly sources: ReadonlyMap<string, string>;
  readonly created: readonly NewWeight[];
}

/**
 * `graph` with a new, untrained head in place of its old head or of its sentence vectors. The encoder stays as it is, and
 * the new head uses its pooler if it has one. `plans` must have a head for the task.
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

/** Renames an encoder's weights to their names in a model with a head, if they do not have the prefix already. */
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

/** Initial values: zeros for biases, ones for norms, random numbers for matrices. */
function initOf({ name, shape }: WeightSpec, { init }: HeadPlans): NewWeight['init'] {
  if (name.endsWith('bias')) return { kind: 'zero' };
  return shape.length === 1 ? { kind: 'one' } : { kind: 'normal', ...init(name) };
}
