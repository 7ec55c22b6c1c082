/**
 * Batches requests: many callers with one text each, computed in few native batches.
 *
 * At most one of each of these is active at a time: a call of the tokenizer, an interactive batch, a bulk batch. `step`
 * starts those that can start. It is called after every event that may allow a start, so nothing polls.
 */

import { SinterError, throwIfAborted } from '../core/errors.js';
import type { Priority } from '../core/priority.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import { type Queue, refusal, type Waiting } from './admission.js';
import { BatchCounters, type BatcherMetrics } from './batch-metrics.js';
import {
  type BatchLimits,
  type BatchOptions,
  type RunOptions,
  type RunSettings,
  readBatchLimits,
  readRunOptions,
} from './batch-options.js';
import type { BatchEngine, BatchWork, RequestTokens } from './batch-work.js';
import { ComputeStage } from './compute-stage.js';
import { Deadlines } from './deadlines.js';
import { Drains } from './drains.js';
import { encodeRequests } from './encode-stage.js';
import { Request, type RequestStart } from './request.js';
import type { RequestLine } from './request-line.js';
import { RequestLines } from './request-lines.js';
import { FactsCollector, type WithFacts } from './run-facts.js';
import { SignalLinks } from './signal-links.js';
import { estimateTokensOf } from './token-estimate.js';
import { runWindows } from './window-run.js';

/** When to try again while nothing is known of the speed: a second. */
const FIRST_RETRY_MS = 1000;

/**
 * Make it with `batch` of a model. `R` is the result of a call, `I` its input, `O` its options.
 */
export class Batcher<R, I = TextInput, O extends RunOptions = RunOptions> {
  private readonly engine: BatchEngine<R, I, O>;
  private readonly limits: BatchLimits;
  private readonly lines: RequestLines;
  private readonly queue: Queue;
  private readonly signals = new SignalLinks((request, reason) => this.cancel(request, reason));
  private readonly deadlines = new Deadlines((request) => this.expire(request));
  private readonly counters: BatchCounters;
  private readonly stage: ComputeStage;
  /** Requests in batches, running or being answered, that are not settled. */
  private running = 0;
  /** Tokens of the batches that run. */
  private readonly runningTokens: Record<Priority, number> = { interactive: 0, bulk: 0 };
  private encoding: Promise<void> | null = null;
  private readonly computing: Record<Priority, Promise<void> | null> = {
    interactive: null,
    bulk: null,
  };
  /** Results of the latest batch that are being made, while the next one runs. */
  private readonly delivering: Record<Priority, Promise<void> | null> = {
    interactive: null,
    bulk: null,
  };
  private timer: NodeJS.Timeout | undefined;
  private stepIsDue = false;
  private closed: string | null = null;
  private readonly drains = new Drains();
  /** Texts that are read in windows and not settled. */
  private readonly windowed = new Set<Request>();
  private readonly onModelEnd = () => this.close('the model was disposed');

  /** @internal */
  constructor(engine: BatchEngine<R, I, O>, options: BatchOptions) {
    this.engine = engine;
    const lanes = engine.laneBusyMs().length;
    this.limits = readBatchLimits('batch', options, lanes);
    this.counters = new BatchCounters(() => engine.laneBusyMs());
    this.lines = new RequestLines(this.limits);
    const batcher = this;
    this.queue = {
      get waiting() {
        return { requests: batcher.waiting, tokens: batcher.lines.tokens };
      },
      waitingOf: (group) => this.waitingOf(group),
      retryAfterMs: (priority, group) => this.retryAfterMs(priority, group),
    };
    this.stage = new ComputeStage(this.counters, {
      complete: (request, result) => this.complete(request, result),
      fail: (request, error) => this.fail(request, error),
    });
    engine.ended.addEventListener('abort', this.onModelEnd, { once: true });
  }

  /**
   * The result of one input, with the same bits as from the model's own call. Rejects with OVERLOADED at once if the queue is
   * full, with CANCELLED at once if `signal` aborts or `timeoutMs` is over, with DISPOSED if the batcher or its model is
   * disposed before the batch begins. A TypeError or RangeError for a wrong input affects this call only.
   */
  async run(input: I, options?: O): Promise<R> {
    return this.submit(input, options, null);
  }

  /** As `run`, with sizes and times of the call. */
  async runWithFacts(input: I, options?: O): Promise<WithFacts<R>> {
    const collector = new FactsCollector();
    const result = await this.submit(input, options, collector);
    return { result, facts: collector.facts };
  }

  /** What has happened so far and what waits now. */
  metrics(): BatcherMetrics {
    const { tokens } = this.lines;
    return this.counters.snapshot({
      queued: this.waiting,
      queuedTokens: tokens,
      running: this.running,
      estimatedWaitMs: this.estimatedWaitMs(),
    });
  }

  /**
   * Milliseconds for what waits and runs before a new request of all groups: as in `metrics`, for a call per request. null before
   * the first batch has ended.
   */
  estimatedWaitMs(priority: Priority = 'interactive'): number | null {
    const { interactive, bulk } = this.runningTokens;
    const ahead = priority === 'bulk' ? interactive + bulk : interactive;
    return this.counters.throughput.msOf(this.lines.tokensBefore(priority) + ahead);
  }

  /**
   * Resolves when all requests accepted before the call are settled; they are not held back any more. New requests are still
   * accepted.
   */
  async drain(): Promise<void> {
    const open = this.waiting + this.running;
    if (open === 0) return;
    this.stepSoon();
    await this.drains.until(open, this.counters.requests);
  }

  /**
   * Rejects all waiting and later requests with DISPOSED; running batches still deliver their results. Resolves when they
   * have ended. May be called twice. The model stays usable.
   */
  async dispose(): Promise<void> {
    this.close('the batcher was disposed');
    await Promise.all([this.encoding, this.computing.interactive, this.computing.bulk]);
    await Promise.all([this.delivering.interactive, this.delivering.bulk]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Texts that are read in windows wait for these. */
  private get waiting(): number {
    return this.lines.size + this.windowed.size;
  }

  private submit(input: I, options: O | undefined, facts: FactsCollector | null): Promise<R> {
    const given = options ?? ({} as O);
    const settings = readRunOptions(given, this.engine.runOptions);
    const call = this.engine.begin(input, given);
    if (this.closed !== null) throw disposed(this.closed);
    throwIfAborted(settings.signal, 'run');
    const tokens = call.tokens?.ids.length ?? this.guess(call.text);
    this.admit(tokens, settings);
    const { text, work } = call;
    const request = this.accept(settings, { text, tokens, work, facts });
    if (call.tokens === null) this.lines.add(request);
    else this.lines.addReady(request, call.tokens);
    this.stepSoon();
    return request.promise as Promise<R>;
  }

  private accept(settings: RunSettings, from: RequestStart): Request {
    const request = new Request(++this.counters.requests, settings, from);
    this.signals.add(request);
    this.deadlines.add(request);
    return request;
  }

  private guess(text: TextInput): number {
    return Math.min(estimateTokensOf(text), this.engine.maxTokens);
  }

  private admit(tokens: number, { group, priority }: RunSettings): void {
    const refused = refusal(this.limits, this.queue, { tokens, group, priority });
    if (refused === null) return;
    this.counters.rejected++;
    throw refused;
  }

  private waitingOf(group: string): Waiting {
    const { requests, tokens } = this.lines.ofGroup(group);
    const texts = [...this.windowed].filter((request) => request.group === group);
    return { requests: requests + texts.length, tokens };
  }

  /** A group's requests take turns with those of the others, so theirs count as often as there are groups. */
  private retryAfterMs(priority: Priority, group: string | null): number {
    const all = this.estimatedWaitMs(priority);
    if (all === null) return FIRST_RETRY_MS;
    if (group === null) return Math.max(1, Math.ceil(all));
    const groups = Math.max(1, this.lines.groupCount(priority));
    const own = this.counters.throughput.msOf(groups * this.lines.ofGroup(group).tokens) ?? all;
    return Math.max(1, Math.ceil(Math.min(all, own)));
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
    this.deadlines.sweep(now);
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

  /** Milliseconds for which the requests of `line` are held back for others to join; 0: no longer. */
  private holdBack(line: RequestLine, now: number): number {
    const { maxBatchTokens, maxWaitMs } = this.limits;
    // Tokenized requests must not be left waiting while the lanes are idle.
    const { interactive, bulk } = this.computing;
    const stalls = interactive === null && bulk === null && this.lines.hasReady;
    if (stalls || this.drains.active || line.waitingTokens >= maxBatchTokens) return 0;
    const arrived = line.firstWaiting?.arrived ?? now;
    const left = arrived + maxWaitMs - now;
    // Timers may fire up to a millisecond early.
    return left < 0.5 ? 0 : Math.ceil(left);
  }

  private encode(requests: readonly Request[]): Promise<void> {
    return encodeRequests(requests, {
      markReady: (request, tokens) => this.lines.markReady(request, tokens),
      readWindows: (request) => this.readWindows(request),
      fail: (request, error) => {
        this.lines.remove(request);
        this.fail(request, error);
      },
    });
  }

  /** A text over the limit leaves its line, and its windows come in its place. */
  private readWindows(request: Request): void {
    if (!this.lines.remove(request)) return;
    const stop = new AbortController();
    request.stop = stop;
    this.windowed.add(request);
    const submit = (tokens: RequestTokens, work: BatchWork<unknown>) =>
      this.submitWindow(request, tokens, work, stop.signal);
    runWindows(request, stop.signal, submit)
      .then((result) => this.complete(request, result))
      .catch((error: unknown) => {
        this.fail(request, error);
        // No window of a text is computed for nothing.
        stop.abort(error);
      });
  }

  private submitWindow(
    { priority, group, facts }: Request,
    tokens: RequestTokens,
    work: BatchWork<unknown>,
    signal: AbortSignal,
  ): Promise<unknown> {
    if (this.closed !== null) throw disposed(this.closed);
    throwIfAborted(signal, 'run');
    const settings = { priority, group, signal, timeoutMs: 0 };
    const from = { text: '', tokens: tokens.ids.length, work, facts };
    const window = this.accept(settings, from);
    this.lines.addReady(window, tokens);
    this.stepSoon();
    // It is awaited later, perhaps after another one has failed.
    window.promise.catch(() => {});
    return window.promise;
  }

  private begin(priority: Priority, batch: readonly Request[], now: number): void {
    if (batch.length === 0) return;
    this.running += batch.length;
    for (const { tokens, arrived } of batch) {
      this.runningTokens[priority] += tokens;
      this.counters.addWait(priority, now - arrived);
    }
    this.computing[priority] = this.compute(priority, batch).then(() => {
      this.computing[priority] = null;
      this.step();
    });
  }

  /** Resolves when the next batch may begin: results are made while it runs, those of one batch at a time. */
  private async compute(priority: Priority, batch: readonly Request[]): Promise<void> {
    const rows = await this.stage.compute(batch);
    this.runningTokens[priority] = 0;
    this.lines.served(priority);
    await this.delivering[priority];
    if (rows !== null) this.delivering[priority] = this.stage.deliver(batch, rows);
  }

  private complete(request: Request, result: unknown): void {
    if (!request.resolve(result)) return;
    this.counters.completed++;
    this.ended(request);
  }

  private fail(request: Request, error: unknown): void {
    if (!request.reject(error)) return;
    this.counters.failed++;
    this.ended(request);
  }

  private cancel(request: Request, reason: unknown, message = 'run was cancelled'): void {
    const error = new SinterError('CANCELLED', message, { cause: reason });
    if (!request.reject(error)) return;
    this.counters.cancelled++;
    this.lines.remove(request);
    this.ended(request);
    request.batch?.leave();
    request.stop?.abort(reason);
    this.stepSoon();
  }

  private expire(request: Request): void {
    const ms = Math.round(performance.now() - request.arrived);
    const message = `run was cancelled: it was not answered within its timeoutMs, after ${ms} ms`;
    this.cancel(request, new DOMException(message, 'TimeoutError'), message);
  }

  /** Updates links and drains after a request was settled. */
  private ended(request: Request): void {
    this.signals.remove(request);
    this.deadlines.remove(request);
    this.windowed.delete(request);
    if (request.batch !== null) this.running--;
    this.drains.settled(request);
  }

  private close(reason: string): void {
    if (this.closed !== null) return;
    this.closed = reason;
    this.engine.ended.removeEventListener('abort', this.onModelEnd);
    for (const request of this.lines.all()) {
      this.lines.remove(request);
      this.fail(request, disposed(reason));
    }
    for (const request of this.windowed) {
      this.fail(request, disposed(reason));
      request.stop?.abort(disposed(reason));
    }
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}

function disposed(reason: string): SinterError {
  return new SinterError('DISPOSED', `run: ${reason}`);
}
