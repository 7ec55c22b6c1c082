/**
 * Makes a model whose products have low rank: a weight W [outputs, inputs] becomes B A with a narrow value between.
 *
 * With texts the error of the products' outputs on these texts is smallest, without them the error of the weights.
 */

import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { Turn } from '../core/turns.js';
import { lowRankGraph } from '../graph/rewrite/low-rank.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { EncoderGraph } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import { type NativeGram, type NativeProgram, native } from '../native/native.js';
import { offeringValues, runOutputs, textBatches } from '../runtime/activations.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { deriveProgram, floatsOf, programOver, readWhole } from '../runtime/program.js';
import { SharedProgram } from '../runtime/shared-program.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { checkTexts } from './reconstruct.js';

/** Options of `lowRankModel`. */
export interface LowRankOptions {
  /**
   * Texts like those that the model will see: directions that they use count more. Left out: all directions of a weight count
   * alike, which is usually much worse.
   */
  readonly texts?: readonly TextInput[];
  /** Added to X^T X, as a share of the mean of its diagonal: directions that the texts never use count a little. Default: 1e-4. */
  readonly lambda?: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

const DEFAULT_LAMBDA = 1e-4;
/** Sums that are filled in one run over the texts. */
const SUM_BYTES = 256 << 20;

/**
 * The model with low-rank products; the old one stays usable. `ranks`: the rank by the name of the weight. A product becomes
 * smaller where the rank is below outputs x inputs / (outputs + inputs). Throws RangeError for a weight that cannot be replaced
 * or a rank out of range, UNSUPPORTED_MODEL for a quantized model.
 */
export async function lowRankModel(
  where: string,
  parts: ModelParts,
  program: NativeProgram,
  ranks: ReadonlyMap<string, number>,
  options: LowRankOptions = {},
): Promise<ModelParts> {
  const read = readOptions<LowRankOptions>(where, options, {
    ...{ texts: true, lambda: true, signal: true },
  });
  const lambda = read.nonNegative('lambda', DEFAULT_LAMBDA);
  const signal = read.signal();
  const { texts } = options;
  if (texts !== undefined) checkTexts(where, texts);
  if (!(ranks instanceof Map))
    throw typeMistake(`${where}: ranks`, 'a Map of names to ranks', ranks);
  if (ranks.size === 0) throw rangeMistake(`${where}: ranks`, 'one weight or more', 0);
  if (isQuantized(parts.graph))
    throw new SinterError('UNSUPPORTED_MODEL', `${where}: the model is quantized already`);
  const { graph, factors } = lowRankGraph(parts.graph, ranks);
  const written = new Map<string, Float32Array>();
  const call = { where, signal, lambda };
  for (const wave of waves(parts.graph, ranks, texts !== undefined)) {
    const grams = new Map<string, NativeGram>();
    try {
      for (const { name, inputs } of wave)
        grams.set(name, new (native().Gram)({ inputs, outputs: 0, intercept: false }));
      if (texts !== undefined) await addInputs(call, parts, program, wave, grams, texts);
      for (const { name, values, uses } of wave) {
        for (const weight of uses) {
          // A weight that no text reaches (of a table of distances) is approximated as it is.
          const gram =
            texts === undefined || values.length === 0 ? null : (grams.get(name) ?? null);
          const found = await factorsOf(
            call,
            parts.graph,
            program,
            weight,
            ranks.get(weight) ?? 1,
            gram,
          );
          written.set(factors.get(weight)?.a ?? '', found.a);
          written.set(factors.get(weight)?.b ?? '', found.b);
        }
      }
    } finally {
      for (const gram of grams.values()) gram.dispose();
    }
  }
  const derivation = { trainable: false, where, signal };
  const made = await deriveProgram(graph, program.store, derivation, { written });
  return { ...parts, graph, isChanged: true, program: new SharedProgram(made) };
}

/** Weights that read the same values, so that they share their sums. */
interface InputGroup {
  /** The values, joined to a name of the group. */
  readonly name: string;
  readonly values: readonly string[];
  readonly inputs: number;
  readonly uses: readonly string[];
}

/** The groups of the weights, in sets whose sums fit into memory together. */
function waves(
  graph: EncoderGraph,
  ranks: ReadonlyMap<string, number>,
  measured: boolean,
): readonly (readonly InputGroup[])[] {
  const shapes = validateGraph(graph);
  const groups = new Map<string, InputGroup>();
  for (const weight of ranks.keys()) {
    const nodes = graph.nodes.filter(
      (node) => node.op === 'linear' && node.weights.includes(weight),
    );
    // What does not depend on the texts (tables of distances) does not count.
    const read = nodes.flatMap((node) => (node.op === 'linear' ? [node.input] : []));
    const values = [...new Set(read.filter((value) => shapes.get(value)?.kind !== 'table'))];
    const name = JSON.stringify(values);
    const inputs = graph.weights.find((one) => one.name === weight)?.shape[1] ?? 0;
    const uses = [...(groups.get(name)?.uses ?? []), weight];
    groups.set(name, { name, values, inputs, uses });
  }
  const sets: InputGroup[][] = [];
  let room = 0;
  for (const group of groups.values()) {
    const bytes = measured ? group.inputs ** 2 * 8 : 0;
    if (sets.length === 0 || bytes > room) {
      sets.push([]);
      room = SUM_BYTES;
    }
    sets.at(-1)?.push(group);
    room -= bytes;
  }
  return sets;
}

interface LowRankCall {
  readonly where: string;
  readonly signal: AbortSignal | undefined;
  readonly lambda: number;
}

/** Adds the inputs of the products on the texts to their sums. */
async function addInputs(
  { where, signal }: LowRankCall,
  { graph, tokenizer }: ModelParts,
  program: NativeProgram,
  groups: readonly InputGroup[],
  grams: ReadonlyMap<string, NativeGram>,
  texts: readonly TextInput[],
): Promise<void> {
  const offering = offeringValues(graph, new Set(groups.flatMap(({ values }) => values)));
  const copy = await programOver(offering, program.store, { trainable: false, where, signal });
  const reading = { where, tokenizer, graphs: [offering], signal };
  try {
    for await (const batch of textBatches(texts, reading)) {
      const found = await runOutputs(reading, offering, copy, batch);
      const turn = new Turn();
      for (const { name, values } of groups) {
        for (const value of values) {
          if (turn.isOver) await turn.end();
          const rows = found.get(value) ?? new Float32Array();
          await runJob(where, signal, async (jobId) =>
            grams.get(name)?.add(rows, null, null, jobId),
          );
        }
      }
    }
  } finally {
    copy.dispose();
  }
}

async function factorsOf(
  { where, signal, lambda }: LowRankCall,
  graph: EncoderGraph,
  program: NativeProgram,
  name: string,
  rank: number,
  gram: NativeGram | null,
): Promise<{ readonly a: Float32Array; readonly b: Float32Array }> {
  const shape = graph.weights.find((weight) => weight.name === name)?.shape ?? [];
  const [outputs = 0, inputs = 0] = shape;
  const [bytes] = await readWhole(where, program.store, { name, shape }, 'f32');
  const weight = floatsOf(bytes as Uint8Array);
  const options = { outputs, inputs, rank, scale: null, gram, lambda };
  return runJob(where, signal, (jobId) => native().lowRank(weight, options, jobId));
}
