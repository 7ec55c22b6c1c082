/**
 * The waiting requests of one priority: a queue per group, and the rule by which groups take turns.
 *
 * The rule: the group that was given the fewest tokens is served next. A group that begins to wait starts level with the one
 * served last, so nobody saves up a claim by being idle, and nobody pays for an earlier rush: start-time fair queueing (Goyal,
 * Vin, Cheng 1996) with tokens as the cost. A group that has nothing left is forgotten.
 */

import type { RequestTokens } from './batch-work.js';
import { GroupQueue } from './group-queue.js';
import type { Request } from './request.js';

/** Most characters per call of the tokenizer, so that long bulk texts delay other requests only briefly. */
const ENCODE_CHARS = 1 << 18;

export class RequestLine {
  private readonly groups = new Map<string, GroupQueue>();
  /** Where the group that was served last stood before. */
  private level = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** The queue of a group; undefined if nothing of it waits. */
  group(name: string): GroupQueue | undefined {
    return this.groups.get(name);
  }

  /** Number of groups of which requests wait. */
  get groupCount(): number {
    return this.groups.size;
  }

  /** Tokens of all requests, estimated for texts that are not tokenized yet. */
  get tokens(): number {
    return this.sum((queue) => queue.tokens);
  }

  /** Estimated tokens of the texts that wait to be tokenized. */
  get waitingTokens(): number {
    return this.sum((queue) => queue.waitingTokens);
  }

  /** Tokens that are tokenized. */
  get readyTokens(): number {
    return this.sum((queue) => queue.readyTokens);
  }

  get firstWaiting(): Request | undefined {
    return this.earliest((queue) => queue.firstWaiting);
  }

  get first(): Request | undefined {
    return this.earliest((queue) => queue.first);
  }

  get hasReady(): boolean {
    for (const queue of this.groups.values()) if (queue.hasReady) return true;
    return false;
  }

  *[Symbol.iterator](): Iterator<Request> {
    for (const queue of this.groups.values()) yield* queue;
  }

  add(request: Request): void {
    this.queueOf(request).add(request);
    this.count++;
  }

  /** A request that is not in the line, and needs no tokenizer. */
  addReady(request: Request, tokens: RequestTokens): void {
    this.queueOf(request).addReady(request, tokens);
    this.count++;
  }

  /** Removes a request; false if it is not in the line. */
  remove(request: Request): boolean {
    const queue = this.groups.get(request.group);
    if (queue === undefined || !queue.remove(request)) return false;
    this.count--;
    if (queue.size === 0) this.groups.delete(request.group);
    return true;
  }

  /** Stores the tokens of a request and makes it ready; false if it has left the line meanwhile. */
  markReady(request: Request, tokens: RequestTokens): boolean {
    return this.groups.get(request.group)?.markReady(request, tokens) ?? false;
  }

  /** Whether a text waits to be tokenized of a group that has less than its share of a batch ready. */
  wantsTokens(maxTokens: number): boolean {
    for (const queue of this.groups.values()) if (this.wants(queue, maxTokens)) return true;
    return false;
  }

  /**
   * The first requests that wait, about a batch of them, are now being tokenized. Of several groups, the one with the
   * fewest tokens ready comes first.
   */
  takeToEncode(maxTokens: number): Request[] {
    const open = [...this.groups.values()]
      .filter((queue) => this.wants(queue, maxTokens))
      .map((queue) => ({ queue, ahead: queue.readyTokens }));
    const taken: Request[] = [];
    let tokens = 0;
    let chars = 0;
    while (open.length > 0 && tokens < maxTokens && chars < ENCODE_CHARS) {
      const at = indexOfLeast(open, ({ ahead }) => ahead);
      const head = open[at];
      const request = head?.queue.startEncoding();
      if (head === undefined || request === undefined) {
        open.splice(at, 1);
        continue;
      }
      taken.push(request);
      head.ahead += request.tokens;
      tokens += request.tokens;
      chars += textLength(request);
    }
    return taken;
  }

  /**
   * Removes and returns ready requests that may run together, group after group: as many as fit into `maxTokens`, at least
   * one if any is ready.
   */
  takeBatch(maxTokens: number): Request[] {
    const queues = [...this.groups.values()].filter(({ hasReady }) => hasReady);
    const runner = queues[indexOfLeast(queues, servedOf)]?.firstReady?.work.runner;
    if (runner === undefined) return [];
    const heads = queues.map((queue) => {
      const rest = queue.readyFor(runner);
      return { queue, rest, next: rest.next().value, served: queue.served };
    });
    const taken: Request[] = [];
    let tokens = 0;
    let rows = 0;
    while (heads.length > 0) {
      const at = indexOfLeast(heads, servedOf);
      const head = heads[at];
      const request = head?.next;
      if (head === undefined || request === undefined) {
        heads.splice(at, 1);
        continue;
      }
      tokens += request.tokens;
      rows += request.encoded === null ? 0 : runner.rowsOf(request.encoded);
      if (taken.length > 0 && (tokens > maxTokens || rows > runner.maxRows)) break;
      taken.push(request);
      this.level = head.served;
      head.served += request.tokens;
      head.queue.served = head.served;
      head.next = head.rest.next().value;
    }
    for (const request of taken) this.remove(request);
    return taken;
  }

  private queueOf({ group }: Request): GroupQueue {
    const known = this.groups.get(group);
    if (known !== undefined) return known;
    const queue = new GroupQueue(this.level);
    this.groups.set(group, queue);
    return queue;
  }

  private wants(queue: GroupQueue, maxTokens: number): boolean {
    return queue.waitingTokens > 0 && queue.readyTokens < maxTokens / this.groups.size;
  }

  private sum(of: (queue: GroupQueue) => number): number {
    let sum = 0;
    for (const queue of this.groups.values()) sum += of(queue);
    return sum;
  }

  private earliest(of: (queue: GroupQueue) => Request | undefined): Request | undefined {
    let earliest: Request | undefined;
    for (const queue of this.groups.values()) {
      const request = of(queue);
      if (request === undefined) continue;
      if (earliest === undefined || request.arrived < earliest.arrived) earliest = request;
    }
    return earliest;
  }
}

const servedOf = ({ served }: { readonly served: number }) => served;

/** Index of the item with the smallest number; the first one if several are equal. */
function indexOfLeast<T>(items: readonly T[], numberOf: (item: T) => number): number {
  let best = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const [i, item] of items.entries()) {
    const number = numberOf(item);
    if (number < smallest) [best, smallest] = [i, number];
  }
  return best;
}

function textLength({ text }: Request): number {
  return typeof text === 'string' ? text.length : text[0].length + text[1].length;
}
