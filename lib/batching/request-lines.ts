/**
 * The waiting requests, in one line per priority, and the rules for which line is next.
 *
 * The rule: interactive requests go first, unless bulk work is due.
 */

import type { Priority } from '../core/priority.js';
import type { Waiting } from './admission.js';
import type { BatchLimits } from './batch-options.js';
import type { RequestTokens } from './batch-work.js';
import type { Request } from './request.js';
import { RequestLine } from './request-line.js';

/** Tokens below which a batch is not divided: what a batch costs beside its tokens is then a few hundredths. */
const LEAST_DIVIDED = 128;

export class RequestLines {
  private readonly lines = { interactive: new RequestLine(), bulk: new RequestLine() };
  private readonly limits: BatchLimits;
  private lastBulk = Number.NEGATIVE_INFINITY;
  private queuedTokens = 0;
  /** Tokens of the interactive batch that was taken last, and whose callers may be about to come back. */
  private latestTokens = 0;

  constructor(limits: BatchLimits) {
    this.limits = limits;
  }

  get size(): number {
    return this.lines.interactive.size + this.lines.bulk.size;
  }

  get tokens(): number {
    return this.queuedTokens;
  }

  get hasReady(): boolean {
    return this.lines.interactive.hasReady || this.lines.bulk.hasReady;
  }

  /** What waits of one group, in both lines. */
  ofGroup(group: string): Waiting {
    let [requests, tokens] = [0, 0];
    for (const line of Object.values(this.lines)) {
      const queue = line.group(group);
      if (queue === undefined) continue;
      requests += queue.size;
      tokens += queue.tokens;
    }
    return { requests, tokens };
  }

  /** Tokens that a new request of this priority has before it, when all groups together are ahead of it. */
  tokensBefore(priority: Priority): number {
    return priority === 'bulk' ? this.queuedTokens : this.lines.interactive.tokens;
  }

  /** Number of groups that wait with this priority. */
  groupCount(priority: Priority): number {
    return this.lines[priority].groupCount;
  }

  add(request: Request): void {
    this.lines[request.priority].add(request);
    this.queuedTokens += request.tokens;
  }

  /** Adds a request whose tokens are known. */
  addReady(request: Request, tokens: RequestTokens): void {
    this.lines[request.priority].addReady(request, tokens);
    this.queuedTokens += request.tokens;
  }

  /** False when it does not wait here. */
  remove(request: Request): boolean {
    const removed = this.lines[request.priority].remove(request);
    if (removed) this.queuedTokens -= request.tokens;
    return removed;
  }

  all(): Request[] {
    return [...this.lines.interactive, ...this.lines.bulk];
  }

  /** Stores the tokens of a request and makes it ready, unless it has left its line meanwhile. */
  markReady(request: Request, tokens: RequestTokens): void {
    const estimate = request.tokens;
    if (this.lines[request.priority].markReady(request, tokens)) {
      this.queuedTokens += request.tokens - estimate;
    }
  }

  /**
   * The line whose texts are tokenized next, or null. Interactive texts go first, unless bulk work is due. No line is
   * tokenized more than one batch ahead.
   */
  lineToEncode(now: number): RequestLine | null {
    const { interactive, bulk } = this.lines;
    const bulkFirst = !bulk.hasReady && this.isBulkDue(now);
    const order = bulkFirst ? [bulk, interactive] : [interactive, bulk];
    return order.find((line) => line.wantsTokens(this.limits.maxBatchTokens)) ?? null;
  }

  /**
   * The next batch of interactive requests; empty if none is ready. It need not wait for running bulk work, which it
   * overtakes.
   *
   * It is half of what waits and what was taken before. While one half is computed, the answers of the other one go out and its callers
   * come back. All of what waits would leave the lanes without work until then: clients that wait for their answers fall into step, and
   * batches alternate between nearly all of them and one.
   */
  takeInteractive(): Request[] {
    const { interactive } = this.lines;
    const half = Math.ceil((interactive.readyTokens + this.latestTokens) / 2);
    const most = Math.min(this.limits.maxBatchTokens, Math.max(LEAST_DIVIDED, half));
    const batch = this.take(interactive, most);
    this.latestTokens = batch.reduce((sum, { tokens }) => sum + tokens, 0);
    return batch;
  }

  /**
   * The next batch of bulk requests. Empty while interactive requests wait (tokenized or not) or run (`busy`), unless bulk
   * work is due.
   */
  takeBulk(now: number, busy: boolean): Request[] {
    const { interactive, bulk } = this.lines;
    const free = !busy && interactive.size === 0;
    return free || this.isBulkDue(now) ? this.take(bulk, this.limits.maxBatchTokens) : [];
  }

  private take(line: RequestLine, maxTokens: number): Request[] {
    const batch = line.takeBatch(maxTokens);
    for (const { tokens } of batch) this.queuedTokens -= tokens;
    return batch;
  }

  /** Called when a batch of this priority has ended. */
  served(priority: Priority): void {
    if (priority === 'bulk') this.lastBulk = performance.now();
  }

  private isBulkDue(now: number): boolean {
    const { first } = this.lines.bulk;
    const { maxBulkWaitMs } = this.limits;
    return first !== undefined && now - Math.max(first.arrived, this.lastBulk) >= maxBulkWaitMs;
  }
}
