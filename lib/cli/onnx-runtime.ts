/**
 * Runs ONNX Runtime for comparison, where the user has installed it; it is never needed.
 *
 * The rule: it gets the best setup that we know (texts sorted by length, several batch sizes, all its optimisations) and the same
 * tokens as Sinter.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EncodedTexts } from '../tokenize/text-tokenizer.js';

const PACKAGE = 'onnxruntime-node';

interface OrtTensor {
  readonly dims: readonly number[];
  readonly data: unknown;
}

interface OrtSession {
  readonly inputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, OrtTensor>>,
    fetches?: readonly string[],
  ): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

interface OrtModule {
  readonly InferenceSession: {
    create(path: string, options: Readonly<Record<string, unknown>>): Promise<OrtSession>;
  };
  readonly Tensor: new (type: string, data: BigInt64Array, dims: readonly number[]) => OrtTensor;
}

/** The package as it was found. */
export interface OnnxRuntime {
  readonly version: string;
  readonly module: OrtModule;
}

/** Looks for the package beside this one, then from the current folder. null when neither works. */
export async function findOnnxRuntime(): Promise<OnnxRuntime | null> {
  for (const from of [import.meta.url, pathToFileURL(join(process.cwd(), 'package.json'))]) {
    const require = createRequire(from);
    try {
      const loaded = (await import(pathToFileURL(require.resolve(PACKAGE)).href)) as
        | OrtModule
        | { readonly default: OrtModule };
      const module = 'default' in loaded ? loaded.default : loaded;
      const { version } = require(`${PACKAGE}/package.json`) as { version: string };
      return { version, module };
    } catch {
      // Without the package, or without its binary for this machine, the comparison is left out.
    }
  }
  return null;
}

/** A session that takes any number of texts. */
export class OnnxPeer {
  private constructor(
    private readonly module: OrtModule,
    private readonly session: OrtSession,
    private readonly output: string,
  ) {}

  /** Opens an .onnx file for `threads` threads; `output` is the name of the output to read. */
  static async open(
    runtime: OnnxRuntime,
    file: string,
    options: { readonly threads: number; readonly output: string },
  ): Promise<OnnxPeer> {
    const session = await runtime.module.InferenceSession.create(file, {
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
    });
    return new OnnxPeer(runtime.module, session, options.output);
  }

  /** Runs all texts once, `batch` at a time, sorted by length. `take` gets the f32 values of each text, [width]. */
  async run(
    texts: EncodedTexts,
    batch: number,
    take?: (index: number, values: Float32Array) => void,
  ): Promise<void> {
    for (const rows of sortedBatches(texts.offsets, batch)) {
      const feeds = this.feeds(texts, rows);
      const result = (await this.session.run(feeds, [this.output]))[this.output];
      if (take === undefined || !(result?.data instanceof Float32Array)) continue;
      const width = result.data.length / rows.length;
      for (const [r, index] of rows.entries()) {
        take(index, result.data.subarray(r * width, (r + 1) * width));
      }
    }
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  /** The inputs of some texts, padded on the right to the longest of them. */
  private feeds({ ids, offsets, segments }: EncodedTexts, rows: readonly number[]) {
    const longest = Math.max(...rows.map((i) => lengthOf(offsets, i)));
    const size = rows.length * longest;
    const inputIds = new BigInt64Array(size);
    const mask = new BigInt64Array(size);
    const types = new BigInt64Array(size);
    for (const [r, i] of rows.entries()) {
      const begin = offsets[i] ?? 0;
      for (let t = 0; t < lengthOf(offsets, i); t++) {
        inputIds[r * longest + t] = BigInt(ids[begin + t] ?? 0);
        mask[r * longest + t] = 1n;
        types[r * longest + t] = BigInt(segments[begin + t] ?? 0);
      }
    }
    const all = { input_ids: inputIds, attention_mask: mask, token_type_ids: types };
    const named = Object.entries(all).filter(([name]) => this.session.inputNames.includes(name));
    const shape = [rows.length, longest];
    return Object.fromEntries(
      named.map(([name, data]) => [name, new this.module.Tensor('int64', data, shape)]),
    );
  }
}

function lengthOf(offsets: Int32Array, i: number): number {
  return (offsets[i + 1] ?? 0) - (offsets[i] ?? 0);
}

/** Indices of texts in batches, shortest texts first. */
function sortedBatches(offsets: Int32Array, batch: number): number[][] {
  const order = Array.from({ length: offsets.length - 1 }, (_, i) => i);
  order.sort((a, b) => lengthOf(offsets, a) - lengthOf(offsets, b) || a - b);
  const count = Math.ceil(order.length / batch);
  return Array.from({ length: count }, (_, b) => order.slice(b * batch, (b + 1) * batch));
}
