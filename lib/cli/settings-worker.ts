/**
 * A worker thread of `sinter bench` with its own number of lanes, which is fixed per environment.
 *
 * It answers one message with one message; between them its lanes are parked, so workers can take turns.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ModelOptions } from './arguments.js';
import { type OpenModel, openModel } from './open-model.js';

export interface WorkerSetup {
  readonly model: string | undefined;
  readonly choice: ModelOptions;
  readonly lanes: number;
  readonly texts: readonly string[];
  /** Whether to quantize the model to int8 too. */
  readonly quantize: boolean;
}

/** One pass over all texts; with `one` each text is a call of its own. */
export interface WorkerRequest {
  readonly what: 'all' | 'batches' | 'one';
  readonly precision: 'f32' | 'int8';
  /** Of `batches`. */
  readonly maxBatchTokens?: number;
}

export type WorkerAnswer =
  | { readonly ms: readonly number[] }
  | { readonly error: string }
  | { readonly ready: true };

/** Calls of `one`. */
const SINGLE_CALLS = 16;

type Model = OpenModel['model'];

async function passOf(model: Model, texts: readonly string[]): Promise<void> {
  if ('embed' in model) await model.embed(texts);
  else await model.logits(texts);
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Sends all texts at once through a batcher. */
async function throughBatcher(model: Model, texts: readonly string[], maxBatchTokens: number) {
  const limits = { maxBatchTokens, maxQueue: texts.length };
  const batcher = 'embed' in model ? model.batch(limits) : model.batch(limits);
  try {
    return await timed(() => Promise.all(texts.map((text) => batcher.run(text))));
  } finally {
    await batcher.dispose();
  }
}

async function answer(model: Model, texts: readonly string[], request: WorkerRequest) {
  if (request.what === 'all') return [await timed(() => passOf(model, texts))];
  if (request.what === 'batches') {
    return [await throughBatcher(model, texts, request.maxBatchTokens ?? 512)];
  }
  const ms: number[] = [];
  const step = Math.max(1, Math.floor(texts.length / SINGLE_CALLS));
  for (let i = 0; i < texts.length; i += step) {
    const text = texts[i] ?? '';
    ms.push(await timed(() => passOf(model, [text])));
  }
  return ms;
}

async function main(): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error('settings-worker: must run as a worker thread');
  const { model: path, choice, lanes, texts, quantize } = workerData as WorkerSetup;
  const { model } = await openModel(path, { ...choice, lanes });
  const small = quantize ? await model.quantize() : model;
  port.on('message', (request: WorkerRequest) => {
    answer(request.precision === 'int8' ? small : model, texts, request).then(
      (ms) => port.postMessage({ ms } satisfies WorkerAnswer),
      (error: unknown) => port.postMessage({ error: String(error) } satisfies WorkerAnswer),
    );
  });
  port.postMessage({ ready: true } satisfies WorkerAnswer);
}

await main();
