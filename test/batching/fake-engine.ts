/**
 * A model whose batches end when a test says so: what a batcher does with it can be seen step by step.
 *
 * A text has one token per character, and its result is the text itself, read back from the tokens.
 */

import type { BatchOptions } from '../../lib/batching/batch-options.js';
import { type BatchEngine, Batcher } from '../../lib/batching/batcher.js';
import { SinterError, throwIfAborted } from '../../lib/core/errors.js';
import { Matrix } from '../../lib/core/matrix.js';
import type { Priority } from '../../lib/core/priority.js';
import type { EncodedTexts, TextInput } from '../../lib/tokenize/text-tokenizer.js';

export interface SeenBatch {
  readonly texts: readonly string[];
  readonly tokens: number;
  readonly signal: AbortSignal;
  readonly priority: Priority;
  /** Lets it end well. */
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

export class FakeEngine implements BatchEngine<string> {
  readonly maxTokens = 1000;
  readonly model = new AbortController();
  readonly batches: SeenBatch[] = [];
  readonly encodeCalls: string[][] = [];
  /** Called when a batch begins. */
  onBatch: (batch: SeenBatch) => void = () => {};
  encodeDelayMs = 0;
  /** The busy time that the fake lane reports. */
  busyMs = 0;

  get ended(): AbortSignal {
    return this.model.signal;
  }

  /** The text 'bad' cannot be tokenized, and fails its whole call. */
  async encode(texts: readonly TextInput[]): Promise<EncodedTexts> {
    this.encodeCalls.push(texts.map(String));
    if (this.encodeDelayMs > 0) await new Promise((done) => setTimeout(done, this.encodeDelayMs));
    if (texts.includes('bad')) throw new RangeError('bad text');
    const codes = texts.map((text) => Array.from(String(text), (c) => c.charCodeAt(0)));
    const offsets = new Int32Array(texts.length + 1);
    for (const [i, { length }] of codes.entries()) offsets[i + 1] = (offsets[i] ?? 0) + length;
    const ids = Int32Array.from(codes.flat());
    const cut = new Uint8Array(texts.length);
    return { ids, offsets, segments: new Int32Array(ids.length), truncated: 0, cut };
  }

  /** A batch with the text 'poison' fails as a whole. */
  async run(
    { ids, offsets }: EncodedTexts,
    signal: AbortSignal,
    priority: Priority,
  ): Promise<Matrix> {
    throwIfAborted(signal, 'run');
    const texts = Array.from(offsets.subarray(1), (end, i) =>
      String.fromCharCode(...ids.subarray(offsets[i], end)),
    );
    const number = this.batches.length;
    await new Promise<void>((resolve, fail) => {
      const batch = { texts, tokens: ids.length, signal, priority, end: resolve, fail };
      signal.addEventListener('abort', () => fail(new SinterError('CANCELLED', 'stopped')));
      this.batches.push(batch);
      this.onBatch(batch);
    });
    if (texts.includes('poison')) throw new SinterError('INVALID_DATA', 'poisoned batch');
    const rows = texts.flatMap((_, i) => [number, i]);
    return new Matrix(Float32Array.from(rows), texts.length, 2);
  }

  /** A row says in which batch its text is, and where. */
  result(row: Float32Array): string {
    return this.batches[row[0] ?? -1]?.texts[row[1] ?? -1] ?? '';
  }

  laneBusyMs(): Float64Array {
    return Float64Array.of(this.busyMs);
  }
}

/** How a promise ended: its value, or the code or name of its error. */
export async function outcome(promise: Promise<string>): Promise<string> {
  return promise.catch((error: unknown) =>
    error instanceof SinterError ? error.code : error instanceof Error ? error.name : 'no error',
  );
}

/** Resolves when `condition` holds; looks after every turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setImmediate(done));
}

/** One turn of the event loop. */
export const turn = () => new Promise((done) => setImmediate(done));

export function makeBatcher(options: BatchOptions = {}) {
  const engine = new FakeEngine();
  return { engine, batcher: new Batcher<string>(engine, options) };
}

/** A batcher whose first batch, 'block', runs until the test ends it. */
export async function makeBusy(options: BatchOptions = {}) {
  const { engine, batcher } = makeBatcher({ maxWaitMs: 0, ...options });
  const blocked = outcome(batcher.run('block'));
  await until(() => engine.batches.length === 1);
  return { engine, batcher, blocked };
}
