/**
 * The base of all models over text: saving, exporting, information, disposal.
 *
 * A call keeps its program alive from its beginning to its end, so `dispose()` is safe at any time.
 */

import { inspect } from 'node:util';
import type { BatchOptions } from '../batching/batch-options.js';
import { Batcher } from '../batching/batcher.js';
import type { OnnxFolderOptions } from '../checkpoint/export-folder.js';
import type { OnnxFileOptions } from '../checkpoint/export-model.js';
import type { SaveOptions } from '../checkpoint/save-model.js';
import { UntrainedWarnings } from '../checkpoint/untrained.js';
import { SinterError, typeMistake } from '../core/errors.js';
import type { Priority } from '../core/priority.js';
import {
  type QuantizationReport,
  quantizationReport,
} from '../graph/rewrite/quantization-report.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { OutputName } from '../graph/types.js';
import { type NativeProgram, native } from '../native/native.js';
import { forwardTokens } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { JoinedWindows, type WindowSettings, windowTokens } from '../runtime/windowed-logits.js';
import type { EncodedTexts, TextInput, TokensWithOffsets } from '../tokenize/text-tokenizer.js';
import { type ModelInfo, modelInfo } from './model-info.js';

/** @internal How a model serves the requests of a batcher. */
export interface BatchWork<R> {
  readonly output: OutputName;
  /** The input of the tokenizer for a text. */
  readonly prepare: (text: TextInput) => TextInput;
  /** The result for a text, from its row of `output` and whether it was truncated. The row is a view that must not be kept. */
  readonly result: (row: Float32Array, truncated: boolean) => R;
  /** How texts over the limit are read in windows. Default: they are cut. */
  readonly windows?: WindowSettings | null;
  /** Tokens at the start of every text that poolings leave out. Default: 0. */
  readonly unpooled?: () => Promise<number>;
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
  async tokenize(text: string): Promise<TokensWithOffsets> {
    if (typeof text !== 'string') throw typeMistake('tokenize: text', 'a string', text);
    this.checkAlive('tokenize');
    return this.parts.tokenizer.encodeWithOffsets(text);
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

  /** @internal A batcher: many callers with one text each, computed in few native batches. */
  protected batcher<R>(options: BatchOptions, work: BatchWork<R>): Batcher<R> {
    this.checkAlive('batch');
    const { maxTokens } = this;
    const { output, prepare, result, unpooled, windows = null } = work;
    const nameOf = () => 'run: text';
    const engine = {
      laneBusyMs: () => native().laneBusyMs(),
      maxTokens,
      ended: this.ended.signal,
      encode: (texts: readonly TextInput[], truncate: boolean) =>
        this.parts.tokenizer.encode(texts.map(prepare), { maxTokens, truncate, nameOf }),
      // Training replaces the parts, so they are looked up for each batch.
      run: async (tokens: EncodedTexts, signal: AbortSignal, priority: Priority) => {
        const { graph } = this.parts;
        const left = (await unpooled?.()) ?? 0;
        const request = { where: 'run', output, signal, priority, unpooled: left };
        return this.use('run', (program) => forwardTokens(program, graph, tokens, request));
      },
      windows: windows && {
        join: () => new JoinedWindows(windows.join),
        read: (text: TextInput, signal: AbortSignal | undefined) => {
          const { stride } = windows;
          const { tokenizer } = this.parts;
          const request = { maxTokens, stride, signal, where: 'run', nameOf };
          return windowTokens(tokenizer.windowGroups([prepare(text)], request));
        },
      },
      result,
    };
    return new Batcher<R>(engine, options);
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
