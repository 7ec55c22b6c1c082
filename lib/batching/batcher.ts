/**
 * Batches requests: many callers with one text each, computed in few native batches.
 *
 * At most one of each of these is active at a time: a call of the tokenizer, an interactive batch, a bulk batch. `step`
 * starts those that can start. It is called after every event that may allow a start, so nothing polls.
 */

import { SinterError, throwIfAborted } from '../core/errors.js';
import type { Matrix } from '../core/matrix.js';
import type { Priority } from '../core/priority.js';
import { checkText } from '../tokenize/text-check.js';
import type { EncodedTexts, TextInput } from '../tokenize/text-tokenizer.js';
import { BatchCounters, type BatcherMetrics } from './batch-metrics.js';
import {
  type BatchLimits,
  type BatchOptions,
  type RunOptions,
  readBatchLimits,
  readRunOptions,
} from './batch-options.js';
import { joinTokens, Request, type RequestTokens, RunningBatch } from './request.js';
import { type RequestLine, RequestLines } from './request-lines.js';
import { SignalLinks } from './signal-links.js';
import type { WindowEngine } from './window-engine.js';

/** The functions of a model that a batcher uses. */
export interface BatchEngine<R> {
  /** Milliseconds that each lane has been busy so far. */
  laneBusyMs(): Float64Array;
  /** Longest text in tokens. */
  readonly maxTokens: number;
  /** Aborts when the model is disposed. */
  readonly ended: AbortSignal;
  encode(texts: readonly TextInput[], truncate: boolean): Promise<EncodedTexts>;
  /** Returns one row per text. An abort may end it early. Interactive runs overtake bulk runs. */
  run(tokens: EncodedTexts, signal: AbortSignal, priority: Priority): Promise<Matrix>;
  /** How texts over the limit are read in windows. Without it they are cut. */
  readonly windows?: WindowEngine | null;
  /** What a caller gets of a text, which may have been cut; `row` is a view that must not be kept. */
  result(row: Float32Array, truncated: boolean): R;
}

/** Windows of one text that wait or run; more are read when the first of them is done. */
const OPEN_WINDOWS = 64;
/** For the estimate of a text that is not tokenized yet. */
const CHARS_PER_TOKEN = 4;

/** What a request settles with: the result of a text, or the row of a window. */
type Answer<R> = R | Float32Array;

/** Make it with `batch` of a model. */
export class Batcher<R> {
  private readonly engine: BatchEngine<R>;
  private readonly limits: BatchLimits;
  private readonly truncate: boolean;
  private readonly lines: RequestLines<Answer<R>>;
  private readonly signals = new SignalLinks<Answer<R>>({
    abort: (request, reason) => this.cancel(request, reason),
  });
  private readonly counters: BatchCounters;
  /** Requests in running batches that are not settled. */
  private running = 0;
  private encoding: Promise<void> | null = null;
  private readonly computing: Record<Priority, Promise<void> | null> = {
    interactive: null,
    bulk: null,
  };
  private timer: NodeJS.Timeout | undefined;
  private stepIsDue = false;
  private closed: string | null = null;
  private readonly drains = new Set<Drain>();
  /** Texts that are read in windows and not settled. */
  private readonly windowed = new Set<Promise<R>>();
  private readonly onModelEnd = () => this.close('the model was disposed');

  /** @internal */
  constructor(engine: BatchEngine<R>, options: BatchOptions) {
    this.engine = engine;
    const lanes = engine.laneBusyMs().length;
    this.limits = readBatchLimits('batch', options, lanes);
    this.counters = new BatchCounters(() => engine.laneBusyMs());
    this.truncate = options.truncate ?? true;
    this.lines = new RequestLines(this.limits);
    engine.ended.addEventListener('abort', this.onModelEnd, { once: true });
  }

  /**
   * The result of one text or pair, with the same bits as from the model's own call. Rejects with OVERLOADED at once if the
   * queue is full, with CANCELLED at once if `signal` aborts, with DISPOSED if the batcher or its model is disposed before
   * the batch begins. A TypeError or RangeError for a wrong text affects this call only.
   */
  async run(text: TextInput, options: RunOptions = {}): Promise<R> {
    const { priority, signal } = readRunOptions(options);
    checkText('run: text', text);
    if (this.closed !== null) throw disposed(this.closed);
    throwIfAborted(signal, 'run');
    const tokens = this.estimate(text);
    this.admit(tokens);
    // A pair may be changed by its owner while it waits.
    const kept: TextInput = typeof text === 'string' ? text : [text[0], text[1]];
    const { windows } = this.engine;
    if (windows) return this.keepWindowed(this.runWindows(windows, kept, priority, signal));
    const number = ++this.counters.requests;
    const request = new Request<Answer<R>>({ number, priority, signal, text: kept, tokens });
    this.signals.add(request);
    this.lines.add(request);
    this.stepSoon();
    return request.promise as Promise<R>;
  }

  private async runWindows(
    windows: WindowEngine,
    text: TextInput,
    priority: Priority,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    const stop = new AbortController();
    const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
    const joined = windows.join();
    const open: Promise<Answer<R>>[] = [];
    const takeFirst = async () => joined.add((await open.shift()) as Float32Array);
    try {
      for await (const group of windows.read(text, signal)) {
        for (const tokens of group) {
          if (open.length >= OPEN_WINDOWS) await takeFirst();
          open.push(this.submit(tokens, priority, either));
        }
      }
      while (open.length > 0) await takeFirst();
    } catch (error) {
      // No window of a text is computed for nothing.
      stop.abort();
      throw error;
    }
    return this.engine.result(joined.finish(), false);
  }

  /** A window of a text. */
  private submit(
    tokens: RequestTokens,
    priority: Priority,
    signal: AbortSignal,
  ): Promise<Answer<R>> {
    if (this.closed !== null) throw disposed(this.closed);
    throwIfAborted(signal, 'run');
    const number = ++this.counters.requests;
    const request = new Request<Answer<R>>({
      ...{ number, priority, signal, text: '', tokens: tokens.ids.length, isWindow: true },
    });
    this.signals.add(request);
    this.lines.addReady(request, tokens);
    this.stepSoon();
    // It is awaited later, perhaps after another one has failed.
    request.promise.catch(() => {});
    return request.promise;
  }

  private keepWindowed(run: Promise<R>): Promise<R> {
    this.windowed.add(run);
    const forget = () => this.windowed.delete(run);
    run.then(forget, forget);
    return run;
  }

  /** What has happened so far and what waits now. */
  metrics(): BatcherMetrics {
    const { size, tokens } = this.lines;
    return this.counters.snapshot({ queued: size, queuedTokens: tokens, running: this.running });
  }

  /**
   * Resolves when all requests accepted before the call are settled; they are not held back any more. New requests are still
   * accepted.
   */
  async drain(): Promise<void> {
    const open = this.lines.size + this.running;
    const windowed = Promise.allSettled(this.windowed);
    if (open === 0) {
      await windowed;
      return;
    }
    await new Promise<void>((resolve) => {
      this.drains.add({ last: this.counters.requests, open, resolve });
      this.stepSoon();
    });
    await windowed;
  }

  /**
   * Rejects all waiting and later requests with DISPOSED; running batches still deliver their results. Resolves when they
   * have ended. May be called twice. The model stays usable.
   */
  async dispose(): Promise<void> {
    this.close('the batcher was disposed');
    await Promise.all([this.encoding, this.computing.interactive, this.computing.bulk]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  private estimate(text: TextInput): number {
    const chars = typeof text === 'string' ? text.length : text[0].length + text[1].length;
    return Math.min(Math.ceil(chars / CHARS_PER_TOKEN) + 2, this.engine.maxTokens);
  }

  private admit(tokens: number): void {
    const { maxQueue, maxQueueTokens } = this.limits;
    const { size, tokens: queued } = this.lines;
    const full =
      size >= maxQueue
        ? `${size} requests wait already`
        : size > 0 && queued + tokens > maxQueueTokens && `${queued} tokens wait already`;
    if (full === false) return;
    this.counters.rejected++;
    throw new SinterError('OVERLOADED', `run: ${full}`, {
      details: { queued: size, queuedTokens: queued },
    });
  }

  /** Schedules one step for all calls of the same turn of the event loop. */
  private stepSoon(): void {
    if (this.stepIsDue) return;
    this.stepIsDue = true;
    queueMicrotask(() => {
      this.stepIsDue = false;
      this.step();
    });
  }

  private step(): void {
    const now = performance.now();
    if (this.computing.interactive === null) {
      this.begin('interactive', this.lines.takeInteractive(), now);
    }
    if (this.computing.bulk === null) {
      const busy = this.computing.interactive !== null;
      this.begin('bulk', this.lines.takeBulk(now, busy), now);
    }
    const line = this.encoding === null ? this.lines.lineToEncode(now) : null;
    const hold = line === null ? 0 : this.holdBack(line, now);
    if (hold > 0) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.step();
      }, hold);
      return;
    }
    clearTimeout(this.timer);
    this.timer = undefined;
    if (line === null) return;
    this.encoding = this.encode(line.takeToEncode(this.limits.maxBatchTokens)).then(() => {
      this.encoding = null;
      this.step();
    });
  }

  private begin(priority: Priority, batch: readonly Request<Answer<R>>[], now: number): void {
    if (batch.length === 0) return;
    this.computing[priority] = this.compute(batch, now).then(() => {
      this.computing[priority] = null;
      this.step();
    });
  }

  /** Milliseconds for which the requests of `line` are held back for others to join; 0: no longer. */
  private holdBack(line: RequestLine<Answer<R>>, now: number): number {
    const { maxBatchTokens, maxWaitMs } = this.limits;
    // Tokenized requests must not be left waiting while the lanes are idle.
    const { interactive, bulk } = this.computing;
    const stalls = interactive === null && bulk === null && this.lines.hasReady;
    if (stalls || this.drains.size > 0 || line.waitingTokens >= maxBatchTokens) return 0;
    const arrived = line.firstWaiting?.arrived ?? now;
    const left = arrived + maxWaitMs - now;
    // Timers may fire up to a millisecond early.
    return left < 0.5 ? 0 : Math.ceil(left);
  }

  /** Tokenizes all requests in one call. If that fails, each is tokenized alone, so that only the faulty one gets the error. */
  private async encode(requests: readonly Request<Answer<R>>[]): Promise<void> {
    try {
      const texts = requests.map(({ text }) => text);
      const { ids, segments, offsets, cut } = await this.engine.encode(texts, this.truncate);
      for (const [i, request] of requests.entries()) {
        const [begin, end] = [offsets[i], offsets[i + 1]];
        const own = { ids: ids.subarray(begin, end), segments: segments.subarray(begin, end) };
        this.lines.markReady(request, { ...own, cut: cut[i] === 1 });
      }
    } catch (error) {
      const [first] = requests;
      if (requests.length > 1) {
        await Promise.all(requests.filter((r) => r.isOpen).map((r) => this.encode([r])));
      } else if (first !== undefined) {
        this.lines.remove(first);
        this.fail(first, error);
      }
    }
  }

  /** Computes requests that have left their line. */
  private async compute(requests: readonly Request<Answer<R>>[], now: number): Promise<void> {
    this.running += requests.length;
    for (const { priority, arrived } of requests) this.counters.addWait(priority, now - arrived);
    await this.computeTogether(requests);
    const [first] = requests;
    if (first !== undefined) this.lines.served(first.priority);
  }

  /** Computes requests in one native batch. If that fails, each is computed alone, so that only the faulty one gets the error. */
  private async computeTogether(requests: readonly Request<Answer<R>>[]): Promise<void> {
    const batch = new RunningBatch(requests.length);
    for (const request of requests) request.batch = batch;
    try {
      const tokens = joinTokens(requests);
      const priority = requests[0]?.priority ?? 'bulk';
      this.counters.beginBatch();
      const rows = await this.engine.run(tokens, batch.signal, priority).finally(() => {
        this.counters.endBatch(tokens.ids.length);
      });
      for (const [i, request] of requests.entries()) this.deliver(request, rows.row(i));
    } catch (error) {
      if (requests.length > 1 && !endsAll(error)) {
        for (const request of requests) if (request.isOpen) await this.computeTogether([request]);
        return;
      }
      for (const request of requests) this.fail(request, error);
    }
  }

  private deliver(request: Request<Answer<R>>, row: Float32Array): void {
    if (!request.isOpen) return;
    const { isWindow, encoded } = request;
    request.resolve(isWindow ? row.slice() : this.engine.result(row, encoded?.cut ?? false));
    this.counters.completed++;
    this.ended(request);
  }

  private fail(request: Request<Answer<R>>, error: unknown): void {
    if (!request.reject(error)) return;
    this.counters.failed++;
    this.ended(request);
  }

  private cancel(request: Request<Answer<R>>, reason: unknown): void {
    const error = new SinterError('CANCELLED', 'run was cancelled', { cause: reason });
    if (!request.reject(error)) return;
    this.counters.cancelled++;
    this.lines.remove(request);
    this.ended(request);
    request.batch?.leave();
    this.stepSoon();
  }

  /** Updates links and drains after a request was settled. */
  private ended(request: Request<Answer<R>>): void {
    this.signals.remove(request);
    if (request.batch !== null) this.running--;
    for (const drain of this.drains) {
      if (request.number > drain.last) continue;
      drain.open--;
      if (drain.open > 0) continue;
      this.drains.delete(drain);
      drain.resolve();
    }
  }

  private close(reason: string): void {
    if (this.closed !== null) return;
    this.closed = reason;
    this.engine.ended.removeEventListener('abort', this.onModelEnd);
    for (const request of this.lines.all()) {
      this.lines.remove(request);
      this.fail(request, disposed(reason));
    }
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

/** A `drain` call that waits for the requests up to number `last`; `open` of them are not settled. */
interface Drain {
  readonly last: number;
  open: number;
  readonly resolve: () => void;
}

function disposed(reason: string): SinterError {
  return new SinterError('DISPOSED', `run: ${reason}`);
}

/** Whether every request of the batch would fail alone in the same way. */
function endsAll(error: unknown): boolean {
  return error instanceof SinterError && (error.code === 'CANCELLED' || error.code === 'DISPOSED');
}
