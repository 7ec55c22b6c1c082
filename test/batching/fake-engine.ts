/**
 * A model whose batches end when a test says so: what a batcher does with it can be seen step by step.
 *
 * A text has one token per character, and its result is the text itself, read back from the tokens.
 */

import {
  type BatchOptions,
  RUN_OPTIONS,
  type RunOptions,
} from '../../lib/batching/batch-options.js';
import type {
  BatchCall,
  BatchEngine,
  JoinedTokens,
  RequestTokens,
} from '../../lib/batching/batch-work.js';
import { Batcher } from '../../lib/batching/batcher.js';
import { SinterError, throwIfAborted } from '../../lib/core/errors.js';
import { Matrix } from '../../lib/core/matrix.js';
import type { Priority } from '../../lib/core/priority.js';
import { checkText } from '../../lib/tokenize/text-check.js';
import type { TextInput } from '../../lib/tokenize/text-tokenizer.js';

export interface SeenBatch {
  readonly texts: readonly string[];
  readonly tokens: number;
  readonly signal: AbortSignal;
  readonly priority: Priority;
  /** Lets it end well. */
  readonly end: () => void;
  readonly fail: (error: Error) => void;
}

export class FakeEngine implements BatchEngine<string, TextInput, RunOptions> {
  readonly maxTokens = 1000;
  readonly runOptions = RUN_OPTIONS;
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
  async encode(texts: readonly TextInput[]): Promise<RequestTokens[]> {
    this.encodeCalls.push(texts.map(String));
    if (this.encodeDelayMs > 0) await new Promise((done) => setTimeout(done, this.encodeDelayMs));
    if (texts.includes('bad')) throw new RangeError('bad text');
    return texts.map((text) => {
      const ids = Int32Array.from(String(text), (c) => c.charCodeAt(0));
      return { ids, segments: new Int32Array(ids.length), cut: false };
    });
  }

  /** A batch with the text 'poison' fails as a whole. */
  async run(
    { ids, offsets }: JoinedTokens,
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

  private readonly work = {
    encoder: { encode: (texts: readonly TextInput[]) => this.encode(texts) },
    runner: {
      rowsOf: () => 1,
      maxRows: Number.POSITIVE_INFINITY,
      run: (...batch: Parameters<FakeEngine['run']>) => this.run(...batch),
    },
    /** A row says in which batch its text is, and where. */
    answer: ({ data }: Matrix) => this.batches[data[0] ?? -1]?.texts[data[1] ?? -1] ?? '',
  };

  begin(input: TextInput): BatchCall<string> {
    checkText('run: text', input);
    const text: TextInput = typeof input === 'string' ? input : [input[0], input[1]];
    return { text, tokens: null, work: this.work };
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
