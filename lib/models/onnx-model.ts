/**
 * A model from an ONNX file with any head, with or without a tokenizer; its input is token ids.
 *
 * Encoder, Classifier and the other models load ONNX files too. This one requires no task, and reports what the file
 * contains.
 */

import { loadOnnx } from '../checkpoint/load-lazily.js';
import type { OnnxReport } from '../checkpoint/onnx/onnx-report.js';
import { rangeMistake, typeMistake } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import { readOptions } from '../core/options.js';
import type { OutputName } from '../graph/types.js';
import { validateGraph } from '../graph/validate.js';
import { runJob } from '../native/jobs.js';
import { ensureLanes } from '../native/lanes.js';
import { TOKEN_BUDGET } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { TextModel } from './text-model.js';

export type { OnnxReport } from '../checkpoint/onnx/onnx-report.js';

/** Options of `OnnxModel.load`. */
export interface OnnxLoadOptions {
  /** true: quantized weights become f32, for fine-tuning. Default: false, int8 stays int8. */
  readonly widen?: boolean;
  /** Compare the result with the file on a short batch. Default: true. */
  readonly verify?: boolean;
  /** Store the recovered and verified model in the user's cache folder, and load it from there. Default: true. */
  readonly cache?: boolean;
  /**
   * For files with an input of positions: the position of the first token. Default: that of the family in config.json (BERT
   * 0, RoBERTa 2). If both are missing, the file is UNSUPPORTED_MODEL.
   */
  readonly firstPosition?: number;
  /** Threads that compute, shared by all models. Default: SINTER_LANES, else one per usable CPU. */
  readonly lanes?: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Options of `run`. */
export interface RunTokensOptions {
  /** Default: the first of `embedding`, `logits` and `hidden` that the model has. */
  readonly output?: OutputName;
  /** Segment of every token, in the shape of the ids. Default: 0. */
  readonly segments?: readonly (readonly number[])[];
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/** Make it with `OnnxModel.load`. */
export class OnnxModel extends TextModel {
  /** What was recovered from the file, and how it was verified. */
  readonly report: OnnxReport;

  private constructor(parts: ModelParts, report: OnnxReport) {
    super(parts);
    this.report = report;
  }

  /**
   * Imports an ONNX file; config.json, tokenizer and sentence-transformers files are looked for beside it, and if its folder
   * is named `onnx` also in the folder above. Throws CORRUPT_MODEL for a damaged file, UNSUPPORTED_MODEL for one that cannot
   * be imported.
   */
  static async load(file: string, options: OnnxLoadOptions = {}): Promise<OnnxModel> {
    const where = 'OnnxModel.load';
    if (typeof file !== 'string') throw typeMistake(`${where}: file`, 'a string', file);
    const known = {
      widen: true,
      verify: true,
      cache: true,
      firstPosition: true,
      lanes: true,
      signal: true,
    } as const;
    const read = readOptions<OnnxLoadOptions>(where, options, known);
    const lanes = read.count('lanes', undefined);
    ensureLanes(where, lanes);
    const signal = read.signal();
    const settings = {
      lanes,
      signal,
      seed: 0,
      widen: read.boolean('widen', false),
      verify: read.boolean('verify', true),
      cache: read.boolean('cache', true),
      firstPosition: read.count('firstPosition', undefined, 0),
    };
    const { folder, parts, verification } = await loadOnnx(where, file, settings);
    return new OnnxModel(parts, { ...folder.report, verification });
  }

  /**
   * Rows of an output, in the order of the sequences: one per sequence, or one per token for an output over tokens. Throws
   * TypeError or RangeError naming ids[i][j].
   */
  async run(ids: readonly (readonly number[])[], options: RunTokensOptions = {}): Promise<Matrix> {
    const where = 'run';
    const read = readOptions<RunTokensOptions>(where, options, {
      output: true,
      segments: true,
      signal: true,
    });
    const signal = read.signal();
    const { graph } = this.parts;
    const output = this.outputName(where, options.output);
    const tokens = this.tokens(where, ids, options.segments);
    const shape = validateGraph(graph).get(graph.outputs[output] ?? '');
    const rows = shape?.kind === 'sequence' ? ids.length : tokens.ids.length;
    const result = Matrix.zeros(rows, shape?.width ?? 0);
    await this.use(where, (program) =>
      runJob(where, signal, (jobId) =>
        program.run(tokens, [{ name: output, data: result.data }], {
          jobId,
          tokenBudget: TOKEN_BUDGET,
        }),
      ),
    );
    return result;
  }

  private outputName(where: string, wanted: OutputName | undefined): OutputName {
    const { outputs } = this.parts.graph;
    const names = Object.keys(outputs) as OutputName[];
    const usual = (['embedding', 'logits', 'hidden'] as const).find((name) => name in outputs);
    const chosen = wanted ?? usual;
    if (chosen !== undefined && names.includes(chosen)) return chosen;
    throw rangeMistake(`${where}: output`, `one of ${names.join(', ')}`, wanted);
  }

  private tokens(
    where: string,
    ids: readonly (readonly number[])[],
    segments: readonly (readonly number[])[] | undefined,
  ) {
    const { graph } = this.parts;
    if (!Array.isArray(ids)) throw typeMistake(`${where}: ids`, 'an array of arrays', ids);
    const offsets = new Int32Array(ids.length + 1);
    ids.forEach((list: readonly number[], i) => {
      const what = `1 to ${graph.maxTokens} token ids`;
      if (!Array.isArray(list)) throw typeMistake(`${where}: ids[${i}]`, what, list);
      if (list.length < 1 || list.length > graph.maxTokens) {
        throw rangeMistake(`${where}: ids[${i}]`, what, `${list.length}`);
      }
      offsets[i + 1] = (offsets[i] ?? 0) + list.length;
    });
    const flat = flatten(`${where}: ids`, ids, offsets, graph.vocabulary);
    const kinds = segments && flatten(`${where}: segments`, segments, offsets, graph.segments);
    return { ids: flat, offsets, segments: kinds && graph.segments > 1 ? kinds : null };
  }
}

function flatten(
  name: string,
  lists: readonly (readonly number[])[],
  offsets: Int32Array,
  limit: number,
): Int32Array {
  const flat = new Int32Array(offsets.at(-1) ?? 0);
  if (lists.length !== offsets.length - 1) {
    throw rangeMistake(name, `${offsets.length - 1} lists`, `${lists.length}`);
  }
  for (const [i, list] of lists.entries()) {
    const length = (offsets[i + 1] ?? 0) - (offsets[i] ?? 0);
    if (!Array.isArray(list) || list.length !== length) {
      throw rangeMistake(`${name}[${i}]`, `${length} numbers`, list);
    }
    for (const [j, value] of list.entries()) {
      if (!Number.isInteger(value) || value < 0 || value >= limit) {
        throw rangeMistake(`${name}[${i}][${j}]`, `an integer from 0 to ${limit - 1}`, value);
      }
      flat[(offsets[i] ?? 0) + j] = value;
    }
  }
  return flat;
}
