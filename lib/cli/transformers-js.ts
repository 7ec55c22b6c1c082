/**
 * Runs transformers.js as people call it: a pipeline over texts in the order they come, where the user has installed it.
 *
 * The rule: nothing is downloaded; it runs a folder as Sinter exports it.
 */
import { copyFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { throwIfAborted } from '../core/errors.js';
import type { PoolKind } from '../graph/types.js';
import type { ModelInfo } from '../models/model-info.js';

const PACKAGE = '@huggingface/transformers';
/** Numbers of texts per call: single texts, and chunks as in a loop. */
const CALLS = [1, 32] as const;
/** Most texts for a slow engine, so that the user need not wait: these say enough. */
const MAX_TEXTS = 256;

type Pipeline = ((texts: string[], options: object) => Promise<{ readonly data?: unknown }>) & {
  dispose(): Promise<unknown>;
};

interface TransformersModule {
  readonly env: { allowRemoteModels: boolean; localModelPath: string };
  pipeline(task: string, model: string, options: object): Promise<Pipeline>;
}

export interface TransformersJs {
  readonly version: string;
  readonly module: TransformersModule;
}

/** The measurement of one pass over the texts. */
export interface PipelineSpeed {
  readonly precision: string;
  readonly textsPerCall: number;
  readonly tokensPerSecond: number;
}

export interface PipelineRequest {
  /** Writes the model as a folder with `onnx/model.onnx`, as a user exports it. */
  readonly write: (folder: string) => Promise<void>;
  /** The file that takes the place of that model.onnx. */
  readonly onnx: string;
  readonly precision: string;
  readonly kind: 'classifier' | 'encoder';
  readonly pooling: readonly PoolKind[] | null;
  readonly normalize: boolean;
  readonly threads: number;
  readonly texts: readonly string[];
  /** Number of tokens of each text. */
  readonly lengths: readonly number[];
  /** Temporary folder for files in the layout that transformers.js wants. */
  readonly scratch: string;
  readonly signal: AbortSignal;
  /** Called with the vector of each text once; not for classifiers. */
  readonly take?: (index: number, vector: Float32Array) => void;
}

/** Looks for the package from the current folder, then beside this one. null when neither works. */
export async function findTransformersJs(): Promise<TransformersJs | null> {
  for (const from of [pathToFileURL(join(process.cwd(), 'package.json')), import.meta.url]) {
    const require = createRequire(from);
    try {
      const module = (await import(pathToFileURL(require.resolve(PACKAGE)).href)) as
        | TransformersModule
        | { readonly default: TransformersModule };
      const found = 'pipeline' in module ? module : module.default;
      const { env } = found as unknown as { env: { version?: string } };
      return { version: env.version ?? 'unknown', module: found };
    } catch {
      // Without the package, or without its binary for this machine, it is left out.
    }
  }
  return null;
}

/** Whether a pipeline can pool as the model does. */
export function poolsAlike({ pooling, modules }: ModelInfo): boolean {
  const simple = modules.every((kind) => kind === 'normalize') && (pooling?.length ?? 1) === 1;
  return simple && (pooling === null || pooling[0] === 'mean' || pooling[0] === 'cls');
}

/** Tokens per second of one pass, for every number of texts per call. */
export async function measurePipelines(
  { module }: TransformersJs,
  request: PipelineRequest,
): Promise<PipelineSpeed[]> {
  const { onnx, scratch, threads, kind, signal, take } = request;
  const folder = join(scratch, `pipeline-${request.precision}`);
  await request.write(folder);
  await copyFile(onnx, join(folder, 'onnx', 'model.onnx'));
  module.env.allowRemoteModels = false;
  module.env.localModelPath = `${dirname(folder)}/`;
  const task = kind === 'encoder' ? 'feature-extraction' : 'text-classification';
  const session_options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
  const pipeline = await module.pipeline(task, basename(folder), {
    dtype: 'fp32',
    session_options,
  });
  const settings = { pooling: request.pooling?.[0] ?? 'none', normalize: request.normalize };
  const texts = request.texts.slice(0, MAX_TEXTS);
  const tokens = request.lengths.slice(0, MAX_TEXTS).reduce((sum, length) => sum + length, 0);
  const speeds: PipelineSpeed[] = [];
  try {
    await pipeline(texts.slice(0, 1), settings);
    for (const textsPerCall of CALLS) {
      const start = performance.now();
      for (let i = 0; i < texts.length; i += textsPerCall) {
        throwIfAborted(signal, 'bench');
        const some = texts.slice(i, i + textsPerCall);
        const { data } = await pipeline(some, settings);
        if (textsPerCall !== 1 || take === undefined) continue;
        if (data instanceof Float32Array) take(i, data);
      }
      const seconds = (performance.now() - start) / 1000;
      speeds.push({
        precision: request.precision,
        textsPerCall,
        tokensPerSecond: tokens / seconds,
      });
    }
  } finally {
    await pipeline.dispose();
  }
  return speeds;
}
