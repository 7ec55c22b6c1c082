/**
 * The base of all models over text: saving, exporting, information, disposal.
 *
 * A call keeps its program alive from its beginning to its end, so `dispose()` is safe at any time.
 */

import { inspect } from 'node:util';
import type { BatchOptions, RunOptions } from '../batching/batch-options.js';
import { Batcher } from '../batching/batcher.js';
import type { OnnxFolderOptions } from '../checkpoint/export-folder.js';
import type { OnnxFileOptions } from '../checkpoint/export-model.js';
import type { SaveOptions } from '../checkpoint/save-model.js';
import { UntrainedWarnings } from '../checkpoint/untrained.js';
import { SinterError, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import {
  type QuantizationReport,
  quantizationReport,
} from '../graph/rewrite/quantization-report.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import { native } from '../native/native.js';
import type { NativeProgram } from '../native/program.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { TextInput, TokensWithOffsets } from '../tokenize/text-tokenizer.js';
import { checkedIds } from '../tokenize/token-ids.js';
import type { BatchModel, LiveModel } from './batches/batch-model.js';
import { type ModelInfo, modelInfo } from './model-info.js';

/** Options of `tokenize`. */
export interface TokenizeOptions {
  /** false: without the special tokens around the text. Default: true. */
  readonly addSpecialTokens?: boolean;
}

/** Options of `decode`. */
export interface DecodeOptions {
  /** true: without special tokens. Default: false. */
  readonly skipSpecialTokens?: boolean;
}

/** @internal The parts of a model, and its function that keeps the program alive during work. */
export interface ModelInside {
  readonly parts: ModelParts;
  readonly use: <T>(where: string, work: (program: NativeProgram) => T | Promise<T>) => Promise<T>;
}

/** @internal The only access from outside the class; see token-runner.ts. */
export let insideOf: (model: TextModel) => ModelInside;

/** What every model has: facts, saving, export, disposal. */
export abstract class TextModel {
  static {
    insideOf = (model) => ({ parts: model.parts, use: (where, work) => model.use(where, work) });
  }

  /** @internal */
  protected parts: ModelParts;
  /** @internal Aborts when the model is disposed. */
  protected readonly ended = new AbortController();
  private readonly warnings = new UntrainedWarnings();

  /** @internal */
  protected constructor(parts: ModelParts) {
    this.parts = parts;
  }

  /** @internal What console.log shows, instead of all that is inside. */
  [inspect.custom](): string {
    const { base, head, graph } = this.parts;
    const labels = head.labels === null ? {} : { labels: head.labels.length };
    const shown = { model: base, task: head.task, maxTokens: graph.maxTokens, ...labels };
    return `${this.constructor.name} ${inspect(shown)}`;
  }

  /** Information about the model: sizes, labels, precision, bytes. */
  async info(): Promise<ModelInfo> {
    return this.use('info', (program) => modelInfo(this.parts, program));
  }

  /** The result of the quantization; null for an f32 model. */
  get quantization(): QuantizationReport | null {
    return isQuantized(this.parts.graph) ? quantizationReport(this.parts.graph) : null;
  }

  /** Longest text in tokens, special tokens included. */
  get maxTokens(): number {
    return this.parts.graph.maxTokens;
  }

  /** Tokens of one text with their start and end in UTF-16 units, special tokens included, without truncation. */
  async tokenize(text: string, options: TokenizeOptions = {}): Promise<TokensWithOffsets> {
    const where = 'tokenize';
    if (typeof text !== 'string') throw typeMistake(`${where}: text`, 'a string', text);
    const read = readOptions(where, options, { addSpecialTokens: true });
    const specials = read.boolean('addSpecialTokens', true);
    this.checkAlive(where);
    return this.parts.tokenizer.encodeWithOffsets(text, specials);
  }

  /**
   * The text of token ids. It need not be the text that they were made of: most tokenizers drop spaces, case or rare letters.
   * Throws TypeError or RangeError naming ids[i].
   */
  async decode(ids: readonly number[] | Int32Array, options: DecodeOptions = {}): Promise<string> {
    const where = 'decode';
    const read = readOptions(where, options, { skipSpecialTokens: true });
    const skip = read.boolean('skipSpecialTokens', false);
    const { tokenizer } = this.parts;
    const checked = checkedIds(`${where}: ids`, ids, tokenizer.vocabulary);
    this.checkAlive(where);
    return tokenizer.decode(checked, skip);
  }

  /**
   * Writes a Hugging Face folder: config.json, model.safetensors, the tokenizer's files, and those of sentence-transformers
   * for an encoder. The folder appears whole or not at all; a folder with content is refused unless it is a model folder and
   * `overwrite` is set. An f32 folder loads in transformers too.
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    // Loaded on demand; the call already holds the program.
    return this.use('save', async (program) => {
      const { saveModel } = await import('../checkpoint/save-model.js');
      return saveModel(this.parts, program, path, options);
    });
  }

  /**
   * Writes one ONNX file of standard operators, by default in f32, or for a quantized model in dynamic int8; `precision`
   * overrides this. Outputs: an encoder has `last_hidden_state` and `sentence_embedding`, a question answerer `start_logits`
   * and `end_logits`, others `logits`. The tokenizer's files go beside it. An existing file, or another tokenizer in its folder,
   * is refused unless `overwrite` is set.
   */
  async exportOnnx(path: string, options: OnnxFileOptions = {}): Promise<void> {
    return this.use('exportOnnx', async (program) => {
      const { exportOnnxFile } = await import('../checkpoint/export-model.js');
      return exportOnnxFile(this.parts, program, path, options);
    });
  }

  /**
   * Writes a folder with `onnx/model.onnx` and its variants, config.json and the tokenizer's files, as transformers.js and
   * optimum load it. The folder appears whole or not at all.
   */
  async exportOnnxFolder(path: string, options: OnnxFolderOptions = {}): Promise<void> {
    return this.use('exportOnnxFolder', async (program) => {
      const { exportOnnxFolder } = await import('../checkpoint/export-folder.js');
      return exportOnnxFolder(this.parts, program, path, options);
    });
  }

  /** Frees the weights when the running calls have ended; later calls throw DISPOSED. May be called twice. */
  async dispose(): Promise<void> {
    this.ended.abort(new SinterError('DISPOSED', 'the model was disposed'));
    await this.parts.program.retire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** @internal Runs `work` with the program, which is kept alive meanwhile. */
  protected async use<T>(
    where: string,
    work: (program: NativeProgram) => T | Promise<T>,
  ): Promise<T> {
    this.checkAlive(where);
    this.warnings.check(where, this.parts);
    return this.parts.program.use(where, work);
  }

  /** @internal A batcher: many callers with one input each, computed in few native batches. */
  protected batcher<R, I, O extends RunOptions>(
    options: BatchOptions,
    make: (model: LiveModel) => BatchModel<R, I, O>,
  ): Batcher<R, I, O> {
    this.checkAlive('batch');
    const model = this;
    const live: LiveModel = {
      get parts() {
        return model.parts;
      },
      use: (where, work) => this.use(where, work),
    };
    const laneBusyMs = () => native().laneBusyMs();
    return new Batcher({ ...make(live), laneBusyMs, ended: this.ended.signal }, options);
  }

  /** @internal */
  protected get isDisposed(): boolean {
    return this.ended.signal.aborted;
  }

  private checkAlive(where: string): void {
    if (this.isDisposed) throw new SinterError('DISPOSED', `${where}: the model was disposed`);
  }
}

/** Throws TypeError unless `texts` is an array; its items are checked by the tokenizer. */
export function checkTexts(
  where: string,
  texts: readonly TextInput[],
  what = 'an array of strings',
): void {
  if (!Array.isArray(texts)) throw typeMistake(`${where}: texts`, what, texts);
}
