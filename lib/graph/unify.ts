/**
 * Tells whether two graphs compute the same if their weights are renamed, and which weights correspond.
 *
 * Both are walked from their outputs, so the order of nodes and the names of values do not matter. Numbers are compared to
 * six digits, because a float32 from a file has no more.
 */

import { withoutNames } from './fields.js';
import { inputsOf, modelWeightsOf } from './nodes.js';
import { type GraphNode, OPS } from './ops.js';
import type { EncoderGraph, OutputName } from './types.js';

export type Unified =
  /** Weight of the first graph -> weight of the second. */
  | { readonly weights: ReadonlyMap<string, string>; readonly difference?: undefined }
  /** The first difference, in words. */
  | { readonly difference: string };

export interface UnifyOptions {
  /** The outputs to walk from; both graphs have them. */
  readonly outputs: readonly OutputName[];
  /** true: dropout nodes must match; false: they are skipped. */
  readonly dropout: boolean;
}

export function unify(a: EncoderGraph, b: EncoderGraph, options: UnifyOptions): Unified {
  return new Walk(a, b, options).run();
}

class Walk {
  private readonly makers: readonly [Map<string, GraphNode>, Map<string, GraphNode>];
  private readonly shapes: readonly [Map<string, string>, Map<string, string>];
  private readonly outputs: readonly [EncoderGraph['outputs'], EncoderGraph['outputs']];
  private readonly options: UnifyOptions;
  private readonly values = new Map<string, string>();
  private readonly weights = new Map<string, string>();
  private readonly back = new Map<string, string>();
  private readonly todo: [string, string][] = [];

  constructor(a: EncoderGraph, b: EncoderGraph, options: UnifyOptions) {
    this.makers = [makersOf(a), makersOf(b)];
    this.shapes = [shapesOf(a), shapesOf(b)];
    this.outputs = [a.outputs, b.outputs];
    this.options = options;
  }

  run(): Unified {
    for (const name of this.options.outputs) {
      const [a, b] = [this.outputs[0][name], this.outputs[1][name]];
      if (a === undefined || b === undefined) return { difference: `output ${name} is missing` };
      this.todo.push([a, b]);
    }
    for (let pair = this.todo.pop(); pair !== undefined; pair = this.todo.pop()) {
      const difference = this.compare(...pair);
      if (difference !== null) return { difference };
    }
    return { weights: this.weights };
  }

  private compare(valueA: string, valueB: string): string | null {
    const [a, b] = [this.maker(0, valueA), this.maker(1, valueB)];
    if (a === undefined || b === undefined) return `value ${valueA} or ${valueB} has no node`;
    const known = this.values.get(a.output);
    if (known === b.output) return null;
    if (known !== undefined) return `${a.output} is ${known} and ${b.output}`;
    this.values.set(a.output, b.output);
    const [textA, textB] = [this.textOf(a), this.textOf(b)];
    if (textA !== textB) return `${a.output} is ${textA}, ${b.output} is ${textB}`;
    const [inputsA, inputsB] = [inputsOf(a), inputsOf(b)];
    const alike = inputsA.map((input, i): [string, string] => [input, inputsB[i] ?? '']);
    this.todo.push(...alike);
    return this.compareWeights(modelWeightsOf(a), modelWeightsOf(b));
  }

  private compareWeights(a: readonly string[], b: readonly string[]): string | null {
    for (const [i, nameA] of a.entries()) {
      const nameB = b[i] ?? '';
      const [shapeA, shapeB] = [this.shapes[0].get(nameA), this.shapes[1].get(nameB)];
      if (shapeA !== shapeB) return `${nameA} is [${shapeA}], ${nameB} is [${shapeB}]`;
      const [known, backwards] = [this.weights.get(nameA), this.back.get(nameB)];
      if ((known ?? nameB) !== nameB) return `${nameA} is ${known} and ${nameB}`;
      if ((backwards ?? nameA) !== nameA) return `${nameB} is ${backwards} and ${nameA}`;
      this.weights.set(nameA, nameB);
      this.back.set(nameB, nameA);
    }
    return null;
  }

  /** The node that makes a value. If dropouts are skipped, the node before a dropout. */
  private maker(side: 0 | 1, value: string): GraphNode | undefined {
    const node = this.makers[side].get(value);
    if (this.options.dropout || node?.op !== 'dropout') return node;
    return this.maker(side, node.input);
  }

  /** The operation and its fields as text, without names. */
  private textOf(node: GraphNode): string {
    const training = this.options.dropout;
    return JSON.stringify([node.op, withoutNames(OPS[node.op].fields, node, { training })]);
  }
}

function makersOf(graph: EncoderGraph): Map<string, GraphNode> {
  return new Map(graph.nodes.map((node) => [node.output, node]));
}

function shapesOf(graph: EncoderGraph): Map<string, string> {
  return new Map(graph.weights.map(({ name, shape }) => [name, shape.join(', ')]));
}
