/** Reads the adapter in a folder for the weights of a model. */

import { SinterError } from '../core/errors.js';
import type { FloatTensor } from '../core/tensor.js';
import { type PeftAdapter, readPeftFolder } from '../formats/peft-folder.js';
import { withBottlenecks } from '../graph/rewrite/bottleneck.js';
import type { Adapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';
import { bottleneckSettings, ia3Settings, loraScale, loraSettings } from './adapter-config.js';

export interface LoadAdapterRequest {
  /** true: it runs beside the model with a head of its own, which may have another number of labels. Default: false. */
  readonly beside?: boolean;
}

/** Throws CORRUPT_MODEL for an adapter that does not fit the model, UNSUPPORTED_MODEL for a kind that is not known here. */
export async function loadAdapter(
  parts: ModelParts,
  path: string,
  { beside = false }: LoadAdapterRequest = {},
): Promise<Adapter> {
  return new Fitting(parts, await readPeftFolder(path), beside).adapter();
}

/** Fits the tensors of a file to the weights of a model. */
class Fitting {
  private readonly shapes: ReadonlyMap<string, readonly number[]>;
  private readonly tensors = new Map<string, FloatTensor>();
  private readonly whole: string[] = [];

  constructor(
    private readonly parts: ModelParts,
    private readonly stored: PeftAdapter,
    private readonly beside: boolean,
  ) {
    this.shapes = new Map(parts.graph.weights.map(({ name, shape }) => [name, shape]));
  }

  adapter(): Adapter {
    const { config, head } = this.stored;
    const made =
      config.adapter_type === 'bottleneck'
        ? this.bottleneck()
        : config.peft_type === 'IA3'
          ? this.ia3()
          : this.lora();
    const { base_model_name_or_path: base } = config;
    const { whole, tensors } = this;
    return { ...made, whole, tensors, base: typeof base === 'string' ? base : null, head };
  }

  private lora() {
    const { config, tensors: stored } = this.stored;
    const matrices = this.each(
      /\.lora_([AB])\.weight$|\.(lora_magnitude_vector)(?:\.weight)?$/,
      (found) => {
        const { module, name, tensor, side } = found;
        this.tensors.set(name, tensor);
        if (side !== 'A') return [];
        const [weight, known] = this.matrix(module);
        const b = `${module}.lora_B.weight`;
        const [rank = 0, inputs] = tensor.shape;
        const [outputs, rankOfB] = stored.get(b)?.shape ?? [];
        if (rank !== rankOfB || String([outputs, inputs]) !== String(known))
          throw this.unfit(module, known);
        const scale = loraScale(module, rank, config, (what) => this.corrupt(what));
        const at = `${module}.lora_magnitude_vector`;
        const magnitude = [at, `${at}.weight`].find((one) => stored.has(one));
        if ((magnitude !== undefined) !== (config.use_dora === true))
          throw this.corrupt(`use_dora does not fit its tensors: ${module}`);
        if (magnitude === undefined) return [{ module, weight, a: name, b, rank, scale }];
        if (String(stored.get(magnitude)?.shape) !== String([outputs]))
          throw this.unfit(module, known);
        return [{ module, weight, a: name, b, rank, scale, magnitude }];
      },
    );
    if (matrices.length === 0) throw this.corrupt('it has no tensors of LoRA');
    return { kind: 'lora', settings: loraSettings(config), matrices } as const;
  }

  private ia3() {
    const matrices = this.each(/\.(ia3_l)$/, ({ module, name, tensor }) => {
      const [weight, known] = this.matrix(module);
      const [outputs = 0, inputs = 0] = known;
      const side = tensor.shape[1] === 1 ? 'output' : 'input';
      const size = side === 'output' ? outputs : inputs;
      const wanted = side === 'output' ? [size, 1] : [1, size];
      if (String(tensor.shape) !== String(wanted)) throw this.unfit(module, known);
      this.tensors.set(name, tensor);
      return [{ module, weight, vector: name, side, size } as const];
    });
    if (matrices.length === 0) throw this.corrupt('it has no tensors of IA3');
    return { kind: 'ia3', settings: ia3Settings(matrices), matrices } as const;
  }

  private bottleneck() {
    const settings = bottleneckSettings(this.stored.config, (what) => this.corrupt(what));
    const graph = withBottlenecks(this.parts.graph, settings);
    const own = new Map(
      graph.weights.filter(({ name }) => !this.shapes.has(name)).map((w) => [w.name, w.shape]),
    );
    this.each(/\.adapter\.(down|up)\.(?:weight|bias)$/, ({ name, tensor }) => {
      const to = this.nameOf(name, own);
      const known = own.get(to) ?? [];
      if (String(tensor.shape) !== String(known)) throw this.unfit(name, known);
      this.tensors.set(to, tensor);
      return [];
    });
    const missing = [...own.keys()].find((name) => !this.tensors.has(name));
    if (missing !== undefined) throw this.corrupt(`it has no tensor ${missing}`);
    return { kind: 'bottleneck', settings } as const;
  }

  /** Calls `take` for the tensors whose name ends as `ending` says; all others are weights of the head. */
  private each<T>(
    ending: RegExp,
    take: (found: {
      readonly module: string;
      readonly name: string;
      readonly tensor: FloatTensor;
      readonly side: string;
    }) => readonly T[],
  ): T[] {
    const made: T[] = [];
    for (const [name, tensor] of this.stored.tensors) {
      const found = ending.exec(name);
      if (found === null) this.takeHead(name, tensor);
      else {
        const side = found[1] ?? found[2] ?? '';
        made.push(...take({ module: name.slice(0, found.index), name, tensor, side }));
      }
    }
    return made;
  }

  private takeHead(name: string, tensor: FloatTensor): void {
    const own = this.nameOf(name);
    const known = this.shapes.get(own) ?? [];
    // The first axis of the last product is the labels.
    const compared = (shape: readonly number[]) => String(this.beside ? shape.slice(1) : shape);
    if (tensor.shape.length !== known.length || compared(tensor.shape) !== compared(known)) {
      const what = `${name} is [${tensor.shape.join(', ')}], and the model's is [${known.join(', ')}]`;
      throw this.corrupt(what);
    }
    this.whole.push(own);
    this.tensors.set(own, tensor);
  }

  /** The matrix of a module and its shape. */
  private matrix(module: string): readonly [string, readonly number[]] {
    const weight = this.nameOf(`${module}.weight`);
    return [weight, this.shapes.get(weight) ?? []];
  }

  /** The name of a weight in this model, which may have another prefix. */
  private nameOf(name: string, among = this.shapes): string {
    const { prefix } = this.parts.plans;
    const bare = name.startsWith(prefix) ? name.slice(prefix.length) : name;
    const found = [name, prefix + name, bare].find((one) => among.has(one));
    if (found !== undefined) return found;
    throw this.corrupt(
      `its base has a weight ${name}, and this model has none: it is an adapter of another model`,
    );
  }

  private unfit(module: string, shape: readonly number[]): SinterError {
    return this.corrupt(`the adapter of ${module} does not fit its matrix [${shape.join(', ')}]`);
  }

  private corrupt(what: string): SinterError {
    const { path } = this.stored;
    return new SinterError('CORRUPT_MODEL', `${path}: ${what}`, { details: { file: path } });
  }
}
