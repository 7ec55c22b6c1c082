/**
 * The importance of every attention head and every feed-forward neuron: how much the loss is expected to change without it.
 *
 * The measure is the gradient of each row's own loss with respect to a mask of ones on the units (graph/rewrite/unit-masks.ts),
 * so one backward pass serves a whole batch, and nothing but the graph says where the units are.
 */

import { SinterError, throwIfAborted } from '../core/errors.js';
import { SeededRandom } from '../core/random.js';
import { Turn } from '../core/turns.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import { type UnitMask, withUnitMasks } from '../graph/rewrite/unit-masks.js';
import { type GraphUnits, type UnitPart, unitsOf } from '../graph/rewrite/units.js';
import type { EncoderGraph, OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import { native } from '../native/native.js';
import type { NativeProgram, TokenBatch } from '../native/program.js';
import type { NativeTrainer } from '../native/training.js';
import { runBatch, someTexts } from '../runtime/forward.js';
import { deriveProgram, disposeProgram } from '../runtime/program.js';
import { maskWeights, segmentTypes, withTextSegments } from './mask-weights.js';
import {
  drawnTerm,
  labelledTerm,
  projectedTerm,
  type RowBatch,
  type RowLoss,
  type RowTerm,
} from './row-losses.js';

/** A number for each unit: heads[layer][head], neurons[layer][neuron]. Layers that share units share the array. */
export type UnitScores = Readonly<Record<UnitPart, readonly Float64Array[]>>;

/**
 * Vectors of gradients by the layer's units, `vectors[s * units + u]`: the sums of the rows' gradients over consecutive
 * blocks of rows.
 */
export interface UnitGradients {
  readonly samples: number;
  readonly heads: readonly Float64Array[];
  readonly neurons: readonly Float64Array[];
}

export interface GradientImportance {
  /** Kwon et al. 2022: the sum over the rows of the squared gradient, the diagonal of the Fisher matrix times the rows. */
  readonly fisher: UnitScores;
  /**
   * Michel et al. 2019: the sum over the rows of |gradient|. As the mask is 1, gradient * mask is the first-order Taylor term
   * of the loss for removing the unit (Molchanov et al. 2017).
   */
  readonly taylor: UnitScores;
  /** For the rearrangement of masks (mask-rearrangement.ts). */
  readonly gradients: UnitGradients;
}

/** The rows to measure on. */
export interface ImportanceRows {
  /** All rows, in segments of the model. */
  readonly batch: TokenBatch;
  readonly output: OutputName;
  readonly loss: RowLoss;
}

export interface ImportanceOptions {
  readonly where: string;
  readonly signal?: AbortSignal | undefined;
  /** The most vectors of gradients that are kept. Default: 64. */
  readonly samples?: number;
  /** Called with the number of rows done. */
  readonly onRows?: (done: number) => void;
}

/** Rows in one pass. Their masks are tables of as many rows, so a pass is small; more rows are not faster. */
const ROWS_PER_PASS = 32;
/** Tokens whose activations are held together. */
const SLICE_TOKENS = 1024;
const DEFAULT_SAMPLES = 64;

/**
 * Measures all units on the rows. The same rows, loss and seed give the same bits on any number of lanes. `program` is the
 * program of `graph`, whose weights stay as they are. Throws UNSUPPORTED_MODEL for a quantized model: gradients do not pass
 * through codes.
 */
export async function gradientImportance(
  graph: EncoderGraph,
  program: NativeProgram,
  rows: ImportanceRows,
  options: ImportanceOptions,
): Promise<GradientImportance> {
  const { where, signal } = options;
  if (isQuantized(graph)) {
    throw new SinterError(
      'UNSUPPORTED_MODEL',
      `${where}: importance needs gradients, which a quantized model does not have: prune first, then quantize`,
    );
  }
  const types = segmentTypes(rows.batch);
  const made = withUnitMasks(graph, rows.output, ROWS_PER_PASS, types);
  const { graph: masked, masks } = made;
  const written = maskWeights(made, ROWS_PER_PASS, types, program.store);
  const names = masks.map(({ weight }) => weight);
  const copy = await deriveProgram(
    masked,
    program.store,
    { trainable: names, where, signal },
    { written },
  );
  let trainer: NativeTrainer | undefined;
  try {
    trainer = new (native().Trainer)(copy, {
      optimizer: { kind: 'sgd', momentum: 0, nesterov: false },
      groups: [],
    });
    const sums = new UnitSums(unitsOf(graph), rows.batch.offsets.length - 1, options.samples);
    const pass = new RowPasses(graph, program, trainer, rows, { masks, types }, options);
    await pass.run(sums);
    return sums.result();
  } finally {
    trainer?.dispose();
    disposeProgram(copy);
  }
}

/** Runs the rows through the masked program, batch by batch, and adds up their gradients. */
class RowPasses {
  private readonly random: SeededRandom;
  private readonly shape: Pick<RowBatch, 'kind' | 'width'>;

  constructor(
    graph: EncoderGraph,
    private readonly program: NativeProgram,
    private readonly trainer: NativeTrainer,
    private readonly rows: ImportanceRows,
    private readonly masked: { readonly masks: readonly UnitMask[]; readonly types: number },
    private readonly options: ImportanceOptions,
  ) {
    const shape = validateGraph(graph).get(graph.outputs[rows.output] ?? '');
    if (shape === undefined)
      throw new SinterError('INTERNAL', `${options.where}: the graph has no output ${rows.output}`);
    this.shape = shape;
    this.random = new SeededRandom(rows.loss.kind === 'labels' ? 0 : rows.loss.seed);
  }

  async run(sums: UnitSums): Promise<void> {
    const { batch, loss } = this.rows;
    const { where, signal, onRows } = this.options;
    const count = batch.offsets.length - 1;
    const repeats = loss.kind === 'projections' ? loss.count : 1;
    for (let begin = 0; begin < count; begin += ROWS_PER_PASS) {
      throwIfAborted(signal, where);
      const end = Math.min(count, begin + ROWS_PER_PASS);
      const some = someTexts(batch, begin, end);
      const own: RowBatch = { begin, end, offsets: some.offsets, ...this.shape };
      for (let i = 0; i < repeats; i++) {
        const { term, factors } = await this.termOf(own, some);
        await this.pass(some, term);
        await this.collect(own, factors, repeats, sums);
      }
      onRows?.(end);
    }
  }

  private async termOf(own: RowBatch, some: TokenBatch): Promise<RowTerm> {
    const { loss, output } = this.rows;
    if (loss.kind === 'labels') {
      return labelledTerm(this.options.where, loss.term(own.begin, own.end), own);
    }
    if (loss.kind === 'projections') return projectedTerm(output, own, this.random);
    const rows = own.kind === 'token' ? some.ids.length : own.end - own.begin;
    const logits = new Float32Array(rows * own.width);
    const { where, signal } = this.options;
    await runBatch(this.program, some, output, logits, { where, signal });
    return drawnTerm(output, loss.loss, logits, own, this.random);
  }

  /** One backward pass, with a segment for each text. */
  private async pass(some: TokenBatch, term: RowTerm['term']): Promise<void> {
    const { where, signal } = this.options;
    const batch = withTextSegments(some, this.masked.types);
    await runJob(where, signal, (jobId) =>
      this.trainer.accumulate(batch, [term], {
        jobId,
        dropoutSeed: null,
        sliceTokens: SLICE_TOKENS,
      }),
    );
  }

  private async collect(
    { begin, end }: RowBatch,
    factors: Float64Array,
    repeats: number,
    sums: UnitSums,
  ): Promise<void> {
    const turn = new Turn();
    const { types, masks } = this.masked;
    for (const mask of masks) {
      const table = this.trainer.readGradient(mask.weight);
      for (let row = begin; row < end; row++) {
        const at = (row - begin) * types * mask.columns;
        const own = table.subarray(at, at + types * mask.columns);
        sums.add(mask, row, own, factors[row - begin] ?? 0, repeats);
        if (turn.isOver) await turn.end();
      }
    }
    await runJob(this.options.where, this.options.signal, (jobId) => this.trainer.clear(jobId));
  }
}

/** Sums over the rows, in the order of the rows. */
class UnitSums {
  private readonly fisher: UnitScores;
  private readonly taylor: UnitScores;
  private readonly gradients: UnitGradients;
  private readonly block: number;

  constructor(
    private readonly units: GraphUnits,
    rows: number,
    samples = DEFAULT_SAMPLES,
  ) {
    this.block = Math.max(1, Math.ceil(rows / samples));
    const kept = Math.ceil(rows / this.block);
    this.fisher = zeros(units, 1);
    this.taylor = zeros(units, 1);
    this.gradients = { samples: kept, ...zeros(units, kept) };
  }

  /**
   * Adds the gradient of a row: `table` has the rows of its segments. `repeats`: how many gradients the row has, whose mean
   * counts.
   */
  add(
    { part, layer, columns }: UnitMask,
    row: number,
    table: Float32Array,
    factor: number,
    repeats: number,
  ): void {
    const { count, width } = this.units[part][layer] ?? { count: 0, width: 0 };
    const squares = this.fisher[part][layer] as Float64Array;
    const sizes = this.taylor[part][layer] as Float64Array;
    const vectors = this.gradients[part][layer] as Float64Array;
    const at = Math.floor(row / this.block) * count;
    for (let unit = 0; unit < count; unit++) {
      let gradient = 0;
      for (let first = unit * width; first < table.length; first += columns) {
        for (let i = 0; i < width; i++) gradient += table[first + i] as number;
      }
      gradient *= factor;
      squares[unit] = (squares[unit] as number) + (gradient * gradient) / repeats;
      sizes[unit] = (sizes[unit] as number) + Math.abs(gradient) / repeats;
      vectors[at + unit] = (vectors[at + unit] as number) + gradient / Math.sqrt(repeats);
    }
  }

  result(): GradientImportance {
    const { fisher, taylor, gradients } = this;
    return { fisher, taylor, gradients };
  }
}

function zeros(units: GraphUnits, rows: number): UnitScores {
  const of = (part: UnitPart) => {
    const arrays: Float64Array[] = [];
    for (const [layer, { count, shares }] of units[part].entries()) {
      const own = shares === layer ? new Float64Array(rows * count) : arrays[shares];
      arrays.push(own as Float64Array);
    }
    return arrays;
  };
  return { heads: of('heads'), neurons: of('neurons') };
}
