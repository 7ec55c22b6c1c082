/**
 * A model in f32 and in int8, and the models between them: some products f32, the others s8.
 *
 * A variant copies no weight: each comes from the one or the other model's store. It has the bits that `quantize` with the same
 * products excluded has, because weights and equalizers of a product do not depend on the others.
 */

import { equalizersOf } from '../graph/rewrite/equalize.js';
import { type QuantizableProduct, quantizableProducts } from '../graph/rewrite/products.js';
import { holdsCodes } from '../graph/storages.js';
import type { EncoderGraph, GraphNode, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import { type QuantizeOptions, quantizeModel } from './quantize-model.js';

export class PrecisionVariants {
  /** The products that are s8 in the whole int8 model, in the order of the graph. */
  readonly products: readonly QuantizableProduct[];
  private readonly where: string;
  private readonly floats: ModelParts;
  private readonly program: NativeProgram;
  private readonly full: ModelParts;

  private constructor(
    where: string,
    floats: ModelParts,
    program: NativeProgram,
    full: ModelParts,
    readonly signal: AbortSignal | undefined,
  ) {
    this.where = where;
    this.floats = floats;
    this.program = program;
    this.full = full;
    const codes = new Set(full.graph.weights.filter(holdsCodes).map(({ name }) => name));
    this.products = quantizableProducts(floats.graph).filter(({ weights }) =>
      weights.some((name) => codes.has(name)),
    );
  }

  /** Quantizes the model. `program` is that of the parts and must outlive the variants. */
  static async of(
    where: string,
    parts: ModelParts,
    program: NativeProgram,
    options: QuantizeOptions,
  ): Promise<PrecisionVariants> {
    const full = await quantizeModel(parts, program, options, where);
    return new PrecisionVariants(where, parts, program, full, options.signal);
  }

  /** The graph of the model whose products of these names are f32, with further values as outputs. */
  graph(kept: ReadonlySet<string>, values: readonly string[] = []): EncoderGraph {
    const { graph } = this.full;
    const originals = new Map(this.floats.graph.weights.map((weight) => [weight.name, weight]));
    const floats = new Set(
      this.products.flatMap(({ name, weights }) => (kept.has(name) ? weights : [])),
    );
    const equalizers = equalizersOf(graph);
    const nodes = graph.nodes.map((node): GraphNode => {
      if (node.op !== 'linear' || !node.weights.some((name) => floats.has(name))) return node;
      const { equalizer: _, ...plain } = node;
      return { ...plain, activationBits: 8 };
    });
    const used = new Set(equalizersOf({ ...graph, nodes }));
    const weights = graph.weights.flatMap((weight) => {
      if (equalizers.has(weight.name) && !used.has(weight.name)) return [];
      return floats.has(weight.name) ? [originals.get(weight.name) ?? weight] : [weight];
    });
    // Callers of the package know a closed list of output names only.
    const further = Object.fromEntries(values.map((name) => [name as OutputName, name]));
    const mixed = { ...graph, nodes, weights, outputs: { ...graph.outputs, ...further } };
    validateGraph(mixed);
    return mixed;
  }

  /** A program for such a graph with a store of its own: `disposeProgram` frees both. */
  async programOf(graph: EncoderGraph): Promise<NativeProgram> {
    const { floats, where, signal } = this;
    const shared = new Map(floats.graph.weights.map(({ name, dtype }) => [name, dtype]));
    const own = new Map(graph.weights.map(({ name, dtype }) => [name, dtype]));
    const options = { trainable: false, where, signal };
    return this.full.program.use(where, (full) =>
      deriveProgram(graph, this.program.store, options, {
        storeOf: (name) => (shared.get(name) === own.get(name) ? this.program.store : full.store),
      }),
    );
  }

  /** The model whose products of these names are f32. The caller retires its program. */
  async parts(kept: ReadonlySet<string>): Promise<ModelParts> {
    const graph = this.graph(kept);
    const program = await this.programOf(graph);
    return { ...this.floats, graph, program: new SharedProgram(program) };
  }

  /** Frees the int8 model; programs that were made stay usable. */
  async dispose(): Promise<void> {
    await this.full.program.retire();
  }
}
