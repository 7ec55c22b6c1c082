/**
 * The graphs of a distillation: the student with the outputs that its terms read, and with projections to the teacher's widths;
 * the teacher with the outputs that its numbers come from.
 *
 * A projection is for the training only: the student's own graph has none.
 */

import { rangeMistake, SinterError } from '../core/errors.js';
import type { NodeOf } from '../graph/ops.js';
import type { EncoderGraph, OutputName, WeightSpec } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { LossKind, RelationColumns } from '../native/losses.js';
import type {
  DistillationSettings,
  LogitSettings,
  RelationSettings,
} from './distillation-options.js';

/** A term of the loss; its targets are the teacher's. */
export interface DistilledTerm {
  readonly kind: LossKind;
  /** Output of the student's graph. */
  readonly output: OutputName;
  readonly weight: number;
  /** Output of the teacher's graph; null: the targets of the rows. */
  readonly source: OutputName | null;
  readonly relation?: RelationColumns & { readonly blocks: readonly number[] };
  readonly logits?: LogitSettings;
}

export interface DistillationGraphs {
  readonly student: EncoderGraph;
  /** Weights of the projections, in their order in the graph. */
  readonly created: readonly WeightSpec[];
  /** null where no term reads the inside of the teacher. */
  readonly teacher: EncoderGraph | null;
  readonly terms: readonly DistilledTerm[];
}

/** `targetWidth`: numbers of a row's vector from the teacher, for `embeddings`. Throws RangeError for layers that do not exist. */
export function distillationGraphs(
  where: string,
  student: EncoderGraph,
  teacher: EncoderGraph | null,
  settings: DistillationSettings,
  targetWidth: number,
): DistillationGraphs {
  const builder = new TermBuilder(where, student, teacher);
  for (const [i, pair] of settings.hiddenStates.entries()) builder.hidden(i, pair);
  if (settings.relations !== null) builder.relations(settings.relations);
  if (settings.embeddings !== null) builder.embedding(settings.embeddings, targetWidth);
  if (settings.logits !== null) builder.logits(settings.logits);
  return builder.finish();
}

class TermBuilder {
  private readonly terms: DistilledTerm[] = [];
  private readonly created: WeightSpec[] = [];
  private readonly nodes: NodeOf<'linear'>[] = [];
  private readonly outputs: Partial<Record<OutputName, string>> = {};
  private readonly wanted: Partial<Record<OutputName, string>> = {};

  constructor(
    private readonly where: string,
    private readonly student: EncoderGraph,
    private readonly given: EncoderGraph | null,
  ) {}

  private get teacher(): EncoderGraph {
    if (this.given !== null) return this.given;
    throw new SinterError('INTERNAL', 'a term reads the inside of a teacher that is no model');
  }

  hidden(index: number, pair: { student: number; teacher: number; weight: number }): void {
    const at = `${this.where}: hiddenStates[${index}]`;
    const own = hiddenValue(`${at}.student`, this.student, pair.student);
    const theirs = hiddenValue(`${at}.teacher`, this.teacher, pair.teacher);
    const name = `distillation.hidden.${index}` as const;
    const width = widthOf(this.teacher, theirs);
    this.outputs[name] = this.projected(name, own, width);
    this.wanted[name] = theirs;
    this.terms.push({ kind: 'mse', output: name, weight: pair.weight, source: name });
  }

  relations(settings: RelationSettings): void {
    const at = `${this.where}: relations`;
    const own = attentionOf(`${at}.student`, this.student, settings.student);
    const theirs = attentionOf(`${at}.teacher`, this.teacher, settings.teacher);
    const [columns, targetColumns] = [own, theirs].map(({ heads, headDim }) => heads * headDim) as [
      number,
      number,
    ];
    const heads = settings.relationHeads ?? theirs.heads;
    if (columns % heads !== 0 || targetColumns % heads !== 0) {
      const what = `a divisor of both widths, ${columns} and ${targetColumns}`;
      throw rangeMistake(`${at}: relationHeads`, what, heads);
    }
    const name = 'distillation.relations';
    this.outputs[name] = own.input;
    this.wanted[name] = theirs.input;
    for (const kind of settings.kinds) {
      const blocks = [...kind].map((letter) => 'qkv'.indexOf(letter));
      const [a = 0, b = 0] = blocks;
      const sizes = { heads, columns, targetColumns };
      const relation = { ...sizes, first: a * columns, second: b * columns, blocks };
      this.terms.push({
        kind: settings.mean === 'token' ? 'token_relation' : 'relation',
        ...{ output: name, weight: settings.weight, source: name, relation },
      });
    }
  }

  embedding({ loss, weight }: { loss: 'cosine' | 'mse'; weight: number }, width: number): void {
    const own = this.student.outputs.embedding;
    if (own === undefined) throw new SinterError('INTERNAL', 'the student has no vectors');
    const name = 'distillation.embedding';
    this.outputs[name] = this.projected(name, own, width);
    const kind = loss === 'mse' ? 'mse' : 'cosine_distance';
    this.terms.push({ kind, output: name, weight, source: null });
  }

  logits(settings: LogitSettings): void {
    const theirs = this.teacher.outputs.logits;
    if (theirs === undefined) throw new SinterError('INTERNAL', 'the teacher has no logits');
    this.wanted.logits = theirs;
    const source = { output: 'logits', source: 'logits' } as const;
    const kind = settings.over === 'tokens' ? 'span_kl_divergence' : 'kl_divergence';
    this.terms.push({ kind, weight: settings.alpha, ...source, logits: settings });
  }

  /** The value, or what a new matrix makes of it where its width is another. */
  private projected(name: string, value: string, width: number): string {
    const inputs = widthOf(this.student, value);
    if (inputs === width) return value;
    const [weight, bias] = [`${name}.weight`, `${name}.bias`];
    this.created.push(
      { name: weight, shape: [width, inputs], dtype: 'f32' },
      { name: bias, shape: [width], dtype: 'f32' },
    );
    this.nodes.push({
      ...{ op: 'linear', input: value, weights: [weight], biases: [bias] },
      ...{ activation: 'none', activationBits: 8, output: name },
    });
    return name;
  }

  finish(): DistillationGraphs {
    const { student, created, terms } = this;
    const graph: EncoderGraph = {
      ...student,
      nodes: [...student.nodes, ...this.nodes],
      weights: [...student.weights, ...created],
      outputs: { ...student.outputs, ...this.outputs },
    };
    validateGraph(graph);
    const isRead = Object.keys(this.wanted).length > 0;
    const teacher = isRead
      ? { ...this.teacher, outputs: { ...this.teacher.outputs, ...this.wanted } }
      : null;
    return { student: graph, created, teacher, terms };
  }
}

function widthOf(graph: EncoderGraph, value: string): number {
  return validateGraph(graph).get(value)?.width ?? 0;
}

function hiddenValue(where: string, graph: EncoderGraph, index: number): string {
  const value = graph.outputs[`hidden.${index}`];
  if (value !== undefined) return value;
  const count = Object.keys(graph.outputs).filter((name) => /^hidden\.\d+$/.test(name)).length;
  throw rangeMistake(where, `a hidden state from 0 to ${count - 1}`, index);
}

function attentionOf(
  where: string,
  { nodes }: EncoderGraph,
  layer: number | null,
): NodeOf<'attention'> {
  const layers = nodes.filter((node) => node.op === 'attention');
  const found = layer === null ? layers.at(-1) : layers[layer];
  if (found !== undefined) return found;
  throw rangeMistake(where, `a layer from 0 to ${layers.length - 1}`, layer);
}
