/**
 * A model with adapters: merged into its weights, or several beside them.
 *
 * A loaded adapter is a model of the same class over the same base: it shares the base's weights in memory and has its own
 * head. What changes the base is refused while adapters are loaded, because they were made for the base as it was.
 */

import { rangeMistake, SinterError, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { withoutClassifierSettings } from '../graph/classifier-settings.js';
import { isQuantized } from '../graph/rewrite/quantize.js';
import type { NativeProgram } from '../native/program.js';
import type { Adapter } from '../runtime/adapter.js';
import { outputWidth } from '../runtime/forward.js';
import type { ModelParts } from '../runtime/model-parts.js';
import type { AdapterOption } from '../runtime/predict-options.js';
import { checkLabels } from './classifier-labels.js';
import { TextModel } from './text-model.js';

/** Options of `loadAdapter`. */
export interface LoadAdapterOptions {
  /** The name by which calls choose it. */
  readonly name: string;
  /**
   * Names of the labels of its head, in the order of the logits. Default: those saved with the adapter, else the model's own
   * if they are as many, else LABEL_0 and so on.
   */
  readonly labels?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Options of `mergeAdapter`. */
export interface MergeAdapterOptions {
  /** Keeps the weights that the adapter changes, so that `unmergeAdapter` can give them back. Default: false. */
  readonly keepBase?: boolean;
  readonly signal?: AbortSignal;
}

/** @internal A model of the same class over other parts; precision.ts makes candidates with it. */
export let modelOver: <M extends AdaptedModel>(model: M, parts: ModelParts) => M;

/** What every model with a head has: adapters. */
export abstract class AdaptedModel extends TextModel {
  static {
    modelOver = (model, parts) => model.over(parts);
  }

  /** @internal Whether a call changes the model now. */
  protected changing = false;
  private readonly loaded = new Map<string, this>();
  private before: ModelParts | null = null;

  /** @internal A model of this class over other parts. */
  protected abstract over(parts: ModelParts): this;

  /** Names of the loaded adapters, in the order in which they were loaded. */
  get adapters(): readonly string[] {
    return [...this.loaded.keys()];
  }

  /**
   * Loads an adapter beside the weights of this model, which must be its base: calls with `adapter: name` use it, all others
   * the model itself. It takes the memory of its own tensors and its head only, and the base may be quantized. Throws
   * CORRUPT_MODEL for an adapter of another model, UNSUPPORTED_MODEL for another kind of adapter, RangeError for a name that
   * is taken, OVERLOADED while the model is being trained or changed.
   */
  async loadAdapter(path: string, options: LoadAdapterOptions): Promise<void> {
    const where = 'loadAdapter';
    const read = readOptions<LoadAdapterOptions>(where, options, {
      ...{ name: true, labels: true, signal: true },
    });
    const { name, labels } = options;
    if (typeof name !== 'string' || name === '')
      throw typeMistake(`${where}: name`, 'a non-empty string', name);
    if (labels !== undefined) checkLabels(where, labels, 1);
    const signal = read.signal();
    this.checkFree(where, name);
    const { loadAdapter } = await import('../checkpoint/load-adapter.js');
    const { runBeside } = await import('../adapters/beside.js');
    const { parts } = this;
    // Not `use`: the base's own head may be untrained here.
    const made = await parts.program.use(where, async (program) => {
      const adapter = await loadAdapter(parts, path, { beside: true });
      const ran = await runBeside(parts.graph, program, adapter, { where, signal });
      return { adapter, ran };
    });
    try {
      this.checkFree(where, name);
      if (parts !== this.parts) throw changedMeanwhile(where);
      const own = partsBeside(where, parts, path, { ...made, labels });
      if (this.isDisposed) throw new SinterError('DISPOSED', `${where}: the model was disposed`);
      this.loaded.set(name, this.over(own));
    } catch (error) {
      await made.ran.program.retire();
      throw error;
    }
  }

  /** Frees an adapter when the calls that use it have ended. Throws RangeError for a name that is not loaded. */
  async removeAdapter(name: string): Promise<void> {
    const model = this.adapted('removeAdapter: name', name);
    this.loaded.delete(name);
    await model.dispose();
  }

  /**
   * Writes the adapter that the last training with `method: 'lora'` made, as the `peft` package stores it; its base is the
   * model before that training, and the file names it: by `base`, else by the path or id that the model was loaded from.
   * Throws INVALID_DATA if there is no adapter, or if that base had been changed since it was loaded and `base` is not given.
   */
  async saveAdapter(
    path: string,
    options: { readonly overwrite?: boolean; readonly base?: string } = {},
  ): Promise<void> {
    const where = 'saveAdapter';
    const read = readOptions(where, options, { overwrite: true, base: true });
    const overwrite = read.boolean('overwrite', false);
    const { base } = options;
    if (base !== undefined && (typeof base !== 'string' || base === ''))
      throw typeMistake(`${where}: base`, 'a path or an id', base);
    const { saveAdapter } = await import('../checkpoint/save-adapter.js');
    await saveAdapter(where, this.parts, path, { overwrite, base });
  }

  /**
   * Adds an adapter of the `peft` package, and the head saved with it, to the weights of this model, which must be its base.
   * On success calls use the new weights. Throws CORRUPT_MODEL for an adapter of another model, UNSUPPORTED_MODEL for
   * another kind of adapter or a quantized model, OVERLOADED while the model is being trained.
   */
  async mergeAdapter(path: string, options: MergeAdapterOptions = {}): Promise<void> {
    const where = 'mergeAdapter';
    const read = readOptions(where, options, { keepBase: true, signal: true });
    const keepBase = read.boolean('keepBase', false);
    const signal = read.signal();
    if (isQuantized(this.parts.graph)) {
      const what = 'the model is quantized; merge into the f32 model, or use loadAdapter';
      throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
    }
    if (this.before !== null) {
      const what = 'an adapter is merged already, and its base is kept; unmerge it first';
      throw new SinterError('INVALID_DATA', `${where}: ${what}`);
    }
    const { loadAdapter } = await import('../checkpoint/load-adapter.js');
    const { mergeAdapter } = await import('../adapters/merge.js');
    const make = async (program: NativeProgram) => {
      const { parts } = this;
      const adapter = await loadAdapter(parts, path);
      const merged = await mergeAdapter(parts, program, adapter, { where, signal });
      const untrained = parts.origin.untrained.filter((name) => !adapter.whole.includes(name));
      const origin = { ...parts.origin, untrained };
      return { parts: { ...parts, ...merged, adapter, origin }, result: parts };
    };
    await this.change(where, make, { keepBase });
  }

  /**
   * Gives the model back the weights from before `mergeAdapter`, bit for bit. Throws INVALID_DATA unless the adapter was
   * merged with `keepBase: true` and the model has not been changed since.
   */
  async unmergeAdapter(): Promise<void> {
    const where = 'unmergeAdapter';
    this.checkIdle(where);
    this.checkNoAdapters(where);
    const { before, parts } = this;
    if (before === null) {
      const what = 'no base is kept; merge with keepBase: true, or load the base again';
      throw new SinterError('INVALID_DATA', `${where}: ${what}`);
    }
    this.before = null;
    this.parts = before;
    await parts.program.retire();
  }

  override async dispose(): Promise<void> {
    const models = [...this.loaded.values()];
    this.loaded.clear();
    await Promise.all([super.dispose(), this.dropBefore(), ...models.map((one) => one.dispose())]);
  }

  /** @internal The model that answers a call with these options, and the options without its name; null: this one. */
  protected routed<O extends AdapterOption>(where: string, options: O): Routed<this, O> | null {
    if (typeof options !== 'object' || options === null || options.adapter === undefined)
      return null;
    const { adapter, ...rest } = options;
    return { model: this.adapted(`${where}: adapter`, adapter), options: rest };
  }

  private adapted(at: string, name: unknown): this {
    if (typeof name !== 'string') throw typeMistake(at, 'the name of a loaded adapter', name);
    const found = this.loaded.get(name);
    if (found !== undefined) return found;
    const known = this.adapters.map((one) => JSON.stringify(one)).join(', ');
    const what = known === '' ? 'the name of a loaded adapter (none is loaded)' : `one of ${known}`;
    throw rangeMistake(at, what, name);
  }

  /** @internal Throws INVALID_DATA while adapters are loaded, which belong to the weights as they are. */
  protected checkNoAdapters(where: string): void {
    if (this.loaded.size === 0) return;
    const names = this.adapters.join(', ');
    const what = `adapters are loaded beside these weights (${names}); remove them first`;
    throw new SinterError('INVALID_DATA', `${where}: ${what}`);
  }

  /** @internal Throws OVERLOADED while the model is being trained or changed. */
  protected checkIdle(where: string): void {
    if (this.changing) throw new SinterError('OVERLOADED', `${where}: the model is being trained`);
  }

  private checkFree(where: string, name: string): void {
    this.checkIdle(where);
    if (this.loaded.has(name)) throw rangeMistake(`${where}: name`, 'a name that is free', name);
  }

  /**
   * @internal Replaces the parts by what `make` returns. Like a training it changes the model only if it succeeds, and it is
   * OVERLOADED while the model is being trained or changed. `keepBase`: the old parts stay, for `unmergeAdapter`.
   */
  protected async change<R>(
    where: string,
    make: (program: NativeProgram) => Promise<{ readonly parts: ModelParts; readonly result: R }>,
    { keepBase = false }: { readonly keepBase?: boolean } = {},
  ): Promise<R> {
    this.checkIdle(where);
    this.checkNoAdapters(where);
    this.changing = true;
    try {
      const before = this.parts;
      const { parts, result } = await this.use(where, make);
      if (parts.program === before.program) {
        this.parts = parts;
        return result;
      }
      // An adapter from before does not have the new weights.
      const { adapter, ...bare } = parts;
      const kept = adapter === undefined || adapter === before.adapter ? {} : { adapter };
      this.replace({ ...bare, ...kept, isChanged: true }, keepBase);
      return result;
    } finally {
      this.changing = false;
    }
  }

  /** @internal The model has these parts from now on. The old weights are freed when the calls that use them have ended. */
  protected replace(parts: ModelParts, keepOld = false): void {
    void this.dropBefore();
    if (keepOld) this.before = this.parts;
    // This does not wait for the running calls.
    else void this.parts.program.retire();
    this.parts = parts;
    if (this.isDisposed) {
      void parts.program.retire();
      void this.dropBefore();
    }
  }

  private async dropBefore(): Promise<void> {
    const { before } = this;
    this.before = null;
    await before?.program.retire();
  }
}

/** A call that a loaded adapter answers. */
interface Routed<M, O> {
  readonly model: M;
  readonly options: Omit<O, 'adapter'>;
}

interface Beside {
  readonly adapter: Adapter;
  readonly ran: Pick<ModelParts, 'graph' | 'program'>;
  readonly labels: readonly string[] | undefined;
}

/** The parts of a base with an adapter beside it. */
function partsBeside(
  where: string,
  base: ModelParts,
  path: string,
  { adapter, ran, labels }: Beside,
): ModelParts {
  const head = headOf(where, base, adapter, ran, labels);
  const untrained = base.origin.untrained.filter((name) => !adapter.whole.includes(name));
  // What was fitted to the base's head does not fit another one.
  const config = adapter.whole.length === 0 ? base.config : withoutClassifierSettings(base.config);
  const { adapter: _, ...rest } = base;
  return { ...rest, ...ran, path, head, config, origin: { ...base.origin, untrained } };
}

/** The head of an adapter: its labels by the caller, by its file, by the base, or numbered. */
function headOf(
  where: string,
  { head }: ModelParts,
  adapter: Adapter,
  { graph }: Beside['ran'],
  wanted: readonly string[] | undefined,
): ModelParts['head'] {
  if (head.labels === null || graph.outputs.logits === undefined) {
    if (wanted === undefined) return head;
    throw rangeMistake(`${where}: labels`, 'left out: the model has no labels', wanted);
  }
  const count = outputWidth(graph, 'logits');
  const saved = adapter.head;
  if (saved !== null && saved.problem !== head.problem) {
    const what = `the adapter's head is for ${saved.problem}, and the model is for ${head.problem}`;
    throw new SinterError('UNSUPPORTED_MODEL', `${where}: ${what}`);
  }
  const isCount = (labels: readonly string[] | undefined) => labels?.length === count;
  if (wanted !== undefined && !isCount(wanted))
    throw rangeMistake(`${where}: labels`, `${count} labels, as many as the logits`, wanted);
  const numbered = Array.from({ length: count }, (_, i) => `LABEL_${i}`);
  const named = [wanted, saved?.labels, head.labels].find(isCount) ?? numbered;
  return { ...head, labels: named };
}

function changedMeanwhile(where: string): SinterError {
  return new SinterError('OVERLOADED', `${where}: the model was changed meanwhile`);
}
