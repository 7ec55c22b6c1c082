/**
 * Refits a smaller model to the model it was cut from, block by block, by least squares: no labels and no gradients.
 *
 * A block ends with a product whose output is added to the residual stream. Its weight and bias are chosen so that, on the
 * given texts, that sum is as close as possible to the original's, with the inputs that the smaller model itself computes: later
 * blocks so make up for what earlier ones lose. A token counts by the size of its sum, as a norm behind it sees it. Memory is bounded by the sums of one block and a batch of texts.
 */

import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { inTurns, type Steps, Turn } from '../core/turns.js';
import { weightsOf } from '../graph/nodes.js';
import { type ResidualProduct, residualProducts } from '../graph/rewrite/residual-products.js';
import type { EncoderGraph } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import { native } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import type { ModelParts } from '../runtime/model-parts.js';
import {
  deriveProgram,
  disposeProgram,
  floatsOf,
  programOver,
  readWhole,
} from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { type DampedFit, dampedFit, type Fold } from './damped-fit.js';

/** A model and the program of its weights, which the caller keeps alive. */
export interface RunningModel {
  readonly parts: ModelParts;
  readonly program: NativeProgram;
}

/** Options of `reconstructLayers`. */
export interface ReconstructOptions {
  /** Texts like those that the model will see; labels are not needed. A few hundred are enough for small models. */
  readonly texts: readonly TextInput[];
  /**
   * How strongly the weights are held at their old values, as a share of the mean square of the product's inputs: at least 0.
   * Larger values suit fewer texts. Default: the best one for every fourth text, on which the old weights may be best, too. Below 256
   * texts each fourth is held out in turn, and the old weights stay unless a fit is surely better; 3 for fewer than four texts.
   */
  readonly lambda?: number;
  /** Called after each block. */
  readonly onBlock?: (block: ReconstructedBlock) => void;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** One block, before and after. */
export interface ReconstructedBlock {
  /** The name of its sum in the graph. */
  readonly block: string;
  /** The weight that was fitted. */
  readonly weight: string;
  /** How strongly it was held at its old value; null: the old one stays, because no other was better on held-out texts. */
  readonly lambda: number | null;
  /**
   * Squared error of the block's sum on the given texts, each token divided by the size of its sum, as a share of the sum of
   * squares of what the product should give: with the old weight, and with the new one. Blocks before it are already fitted in
   * both.
   */
  readonly before: number;
  readonly after: number;
}

/** Every so many-th text is held out of a fit, to choose its lambda by. */
const HELD = 4;
/** The lambda of fewer texts than that. */
const FEW_LAMBDA = 3;
/** Below so many texts, each of the parts is held out in turn: one part alone is a matter of chance. */
const FEW_TEXTS = 256;

/**
 * `student` with fitted weights; the old one stays usable. `original` is the model that it was cut from: blocks are matched
 * by the names of their values. Throws UNSUPPORTED_MODEL for weights that are quantized or that several layers share, RangeError
 * if the original lacks a block of the student.
 */
export async function reconstructLayers(
  where: string,
  student: RunningModel,
  original: RunningModel,
  options: ReconstructOptions,
): Promise<{ readonly parts: ModelParts; readonly blocks: readonly ReconstructedBlock[] }> {
  const read = readOptions<ReconstructOptions>(where, options, {
    ...{ texts: true, lambda: true, onBlock: true, signal: true },
  });
  const given = options.lambda === undefined ? null : read.nonNegative('lambda', 0);
  const signal = read.signal();
  const onBlock = read.callback('onBlock');
  const { texts } = options;
  checkTexts(where, texts);
  const lambda = given ?? (texts.length < HELD ? FEW_LAMBDA : null);
  const pairs = blockPairs(where, student.parts.graph, original.parts.graph);
  for (const { own } of pairs) checkWeights(where, student.parts.graph, own);
  const written = new Map<string, Float32Array>();
  const blocks: ReconstructedBlock[] = [];
  let fitted = await derived(where, student, written, signal);
  try {
    for (const pair of pairs) {
      const call = { where, signal, texts, lambda };
      const { block, values } = await fitBlock(
        call,
        pair,
        { ...student, program: fitted },
        original,
      );
      for (const [name, numbers] of values) written.set(name, numbers);
      const next = await derived(where, student, written, signal);
      disposeProgram(fitted);
      fitted = next;
      blocks.push(block);
      onBlock?.(block);
    }
  } catch (error) {
    disposeProgram(fitted);
    throw error;
  }
  return {
    parts: { ...student.parts, isChanged: true, program: new SharedProgram(fitted) },
    blocks,
  };
}

/** Throws TypeError or RangeError unless `texts` is an array with something in it. */
export function checkTexts(where: string, texts: readonly TextInput[]): void {
  if (!Array.isArray(texts)) throw typeMistake(`${where}: texts`, 'an array of texts', texts);
  if (texts.length === 0) throw rangeMistake(`${where}: texts`, 'one text or more', texts);
}

function derived(
  where: string,
  { parts, program }: RunningModel,
  written: ReadonlyMap<string, Float32Array>,
  signal: AbortSignal | undefined,
): Promise<NativeProgram> {
  const options = { trainable: false, where, signal };
  return deriveProgram(parts.graph, program.store, options, { written });
}

/** The same block in both models. */
export interface BlockPair {
  readonly own: ResidualProduct;
  readonly theirs: ResidualProduct;
}

/** The blocks of `student` with those of `original`, in the order in which they run. */
export function blockPairs(
  where: string,
  student: EncoderGraph,
  original: EncoderGraph,
): readonly BlockPair[] {
  const known = new Map(residualProducts(original).map((one) => [one.sum, one]));
  const pairs = residualProducts(student).map((own) => {
    const theirs = known.get(own.sum);
    if (theirs === undefined) {
      throw new RangeError(`${where}: the original has no block ${own.sum}`);
    }
    return { own, theirs };
  });
  if (pairs.length > 0) return pairs;
  const what = 'no product of it is added to a residual stream';
  throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
}

/** A weight that one block changes must be its own. */
function checkWeights(where: string, graph: EncoderGraph, { node, sum }: ResidualProduct): void {
  for (const name of [...node.weights, ...node.biases]) {
    const uses = graph.nodes.filter((other) => weightsOf(other).includes(name));
    const dtype = graph.weights.find((weight) => weight.name === name)?.dtype;
    const why =
      uses.length > 1
        ? `layers share the weight ${name}, so one block of it cannot be fitted alone`
        : dtype !== 'f32'
          ? `the weight ${name} of block ${sum} is ${dtype}; fit the f32 model, then quantize`
          : null;
    if (why !== null) throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${why}`);
  }
}

interface FitCall {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  readonly texts: readonly TextInput[];
  /** null: by the texts that are held out. */
  readonly lambda: number | null;
}

async function fitBlock(
  call: FitCall,
  { own, theirs }: BlockPair,
  student: RunningModel,
  original: RunningModel,
): Promise<{ block: ReconstructedBlock; values: ReadonlyMap<string, Float32Array> }> {
  const { where, signal } = call;
  const [weight = '', bias] = [own.node.weights[0], own.node.biases[0]];
  const shape = student.parts.graph.weights.find(({ name }) => name === weight)?.shape ?? [];
  const [outputs = 0, inputs = 0] = shape;
  const intercept = bias !== undefined;
  const sums = { inputs, outputs, intercept, normalizeRows: true };
  const isFew = call.lambda === null && call.texts.length < FEW_TEXTS;
  const folds: Fold[] = [];
  try {
    for (let fold = 0; fold < (isFew ? HELD : 1); fold++)
      folds.push({ fitted: new (native().Gram)(sums), held: new (native().Gram)(sums) });
    await addTexts(call, folds, { own, theirs }, student, original);
    const { store } = student.program;
    const [old] = await readWhole(where, store, { name: weight, shape }, 'f32');
    const oldBias = bias === undefined ? null : store.readWeight(bias);
    const prior = joined(floatsOf(old as Uint8Array), oldBias, inputs);
    const found = await solved(call, folds, prior, inputs);
    const [{ fitted }] = folds as [Fold];
    const error = (of: Float32Array) => runJob(where, signal, (jobId) => fitted.error(of, jobId));
    const whole = (await error(new Float32Array(prior.length))) || 1;
    const errors = {
      before: (await error(prior)) / whole,
      after: (await error(found.weight)) / whole,
    };
    const block = { block: own.sum, weight, lambda: found.lambda, ...errors };
    return { block, values: split(found.weight, inputs, weight, bias) };
  } finally {
    for (const { fitted, held } of folds) {
      fitted.dispose();
      held.dispose();
    }
  }
}

async function solved(
  { where, signal, lambda }: FitCall,
  folds: readonly Fold[],
  prior: Float32Array,
  inputs: number,
): Promise<DampedFit> {
  if (lambda === null) return dampedFit(where, folds, prior, inputs, signal);
  const [{ fitted }] = folds as readonly [Fold, ...Fold[]];
  const columns = Int32Array.from({ length: inputs }, (_, i) => i);
  const weight = await runJob(where, signal, (jobId) =>
    fitted.solve({ lambda, prior, columns }, jobId),
  );
  return { weight, lambda };
}

/** Adds what the texts give to the sums of all folds: the product's inputs, and what its output should be. */
async function addTexts(
  { where, signal, texts, lambda }: FitCall,
  folds: readonly Fold[],
  { own, theirs }: BlockPair,
  student: RunningModel,
  original: RunningModel,
): Promise<void> {
  const mine = offeringValues(student.parts.graph, [own.node.input, own.residual]);
  const wanted = offeringValues(original.parts.graph, [theirs.added, theirs.residual]);
  const options = { trainable: false, where, signal };
  const { tokenizer } = original.parts;
  const reading = { where, tokenizer, graphs: [mine, wanted], signal };
  const programs: NativeProgram[] = [];
  // With one fold the last part is held out, with several each part by one of them, without a choice none.
  const partOf = (i: number) => (lambda === null ? i % HELD : -1);
  const heldPart = (fold: number) => (folds.length === 1 ? HELD - 1 : fold);
  const parts = folds.length > 1 ? Array.from({ length: HELD }, (_, part) => [part]) : [];
  // With one fold, all that is fitted stays in the order of the texts.
  if (folds.length === 1)
    parts.push(
      Array.from({ length: HELD }, (_, part) => part - 1),
      [HELD - 1],
    );
  try {
    for (const [graph, { program }] of [[mine, student] as const, [wanted, original] as const])
      programs.push(await programOver(graph, program.store, options));
    const [first, second] = programs as [NativeProgram, NativeProgram];
    for (const those of parts) {
      const some = texts.filter((_, i) => those.includes(partOf(i)));
      for await (const batch of textBatches(some, reading)) {
        const here = await runOutputs(reading, mine, first, batch);
        const there = await runOutputs(reading, wanted, second, batch);
        const turn = new Turn();
        await turn.end();
        const target = numbersOf(there, theirs.added).slice();
        await inTurns(addTo(target, numbersOf(there, theirs.residual)), turn);
        const [input, minus] = [numbersOf(here, own.node.input), numbersOf(here, own.residual)];
        for (const [fold, { fitted, held }] of folds.entries()) {
          const gram = those.includes(heldPart(fold)) ? held : fitted;
          await runJob(where, signal, (jobId) => gram.add(input, target, minus, jobId));
        }
      }
    }
  } finally {
    for (const program of programs) program.dispose();
  }
}

export function numbersOf(values: ReadonlyMap<string, Float32Array>, name: string): Float32Array {
  return values.get(name) ?? new Float32Array();
}

/** Numbers between two looks at the clock. */
const STEP = 1 << 17;

/** to += more: the sum of the original. */
function* addTo(to: Float32Array, more: Float32Array): Steps<void> {
  for (let i = 0; i < to.length; i++) {
    to[i] = (to[i] as number) + (more[i] as number);
    if (i % STEP === STEP - 1) yield;
  }
}

/** Rows of a weight with its bias behind them. */
function joined(weight: Float32Array, bias: Float32Array | null, inputs: number): Float32Array {
  if (bias === null) return weight;
  const width = inputs + 1;
  const out = new Float32Array(bias.length * width);
  for (const [row, last] of bias.entries()) {
    out.set(weight.subarray(row * inputs, (row + 1) * inputs), row * width);
    out[row * width + inputs] = last;
  }
  return out;
}

/** The reverse of `joined`, by the names of the weights. */
function split(
  found: Float32Array,
  inputs: number,
  weight: string,
  bias: string | undefined,
): ReadonlyMap<string, Float32Array> {
  if (bias === undefined) return new Map([[weight, found]]);
  const width = inputs + 1;
  const rows = found.length / width;
  const matrix = new Float32Array(rows * inputs);
  const vector = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    matrix.set(found.subarray(row * width, row * width + inputs), row * inputs);
    vector[row] = found[row * width + inputs] as number;
  }
  return new Map([
    [weight, matrix],
    [bias, vector],
  ]);
}
