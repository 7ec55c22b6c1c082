/**
 * Decides at once whether a request is taken: a permit per request, so that no request fails half-way.
 *
 * The rule: a permit is given back when the work has really ended, not when its caller has gone.
 */
import { estimateTokensOf } from '../batching/token-estimate.js';
import type { Priority } from '../core/priority.js';
import type { ModelInput } from './contract.js';
import { RequestFailure } from './handling.js';
import type { KeyMeter } from './key-limits.js';

/** When to try again where nothing was measured yet. */
const UNKNOWN_WAIT_MS = 1000;

/** What may be open of one model. */
export interface QueueLimits {
  readonly maxConcurrentRequests: number;
  readonly maxQueueTokens: number;
  readonly maxQueueMs: number;
}

/** Requests and estimated tokens of one model that are open, with their limits. */
export class ModelGauge {
  requests = 0;
  tokens = 0;

  /** `waitOf`: milliseconds that a new request would wait, as its batchers measure; null before the first batch has ended. */
  constructor(
    readonly limits: QueueLimits,
    readonly waitOf: (priority: Priority) => number | null,
  ) {}
}

/** A request that was taken. `leave` is called once, when its work has ended. */
export interface Permit {
  leave(tokens: number): void;
}

export interface Entrance {
  /** Null for work that computes nothing with the model. */
  readonly gauge: ModelGauge | null;
  readonly name: string;
  readonly key: KeyMeter | null;
  readonly priority: Priority;
  readonly estimatedTokens: number;
}

export class Admission {
  private open = 0;

  constructor(private readonly maxConcurrentRequests: number) {}

  /** Requests that were taken and have not ended. */
  get requests(): number {
    return this.open;
  }

  /** Takes a request, or throws `overloaded` with the time after which it may come again. */
  enter(entrance: Entrance): Permit {
    const { gauge, key, priority, estimatedTokens } = entrance;
    if (this.open >= this.maxConcurrentRequests) {
      const what = `${this.open} requests are being answered already`;
      throw new RequestFailure('overloaded', what, {
        retryAfterMs: gauge?.waitOf(priority) ?? UNKNOWN_WAIT_MS,
      });
    }
    if (gauge !== null) checkGauge(gauge, entrance);
    key?.check(performance.now());
    this.open++;
    key?.begin(estimatedTokens);
    if (gauge !== null) {
      gauge.requests++;
      gauge.tokens += estimatedTokens;
    }
    return {
      leave: (tokens) => {
        this.open--;
        key?.end(estimatedTokens, tokens);
        if (gauge === null) return;
        gauge.requests--;
        gauge.tokens -= estimatedTokens;
      },
    };
  }
}

/** A request that is larger than the limit of tokens is taken where no other is open. */
function checkGauge(gauge: ModelGauge, { name, priority, estimatedTokens }: Entrance): void {
  const wait = gauge.waitOf(priority);
  const full = fullBy(gauge, estimatedTokens, wait);
  if (full === null) return;
  throw new RequestFailure('overloaded', `the model ${JSON.stringify(name)} has ${full} already`, {
    retryAfterMs: Math.ceil(wait ?? UNKNOWN_WAIT_MS),
  });
}

/** What is too much for one more request; null if there is room. */
function fullBy(
  { requests, tokens, limits }: ModelGauge,
  more: number,
  wait: number | null,
): string | null {
  if (requests >= limits.maxConcurrentRequests) return `${requests} requests`;
  if (requests === 0) return null;
  if (tokens + more > limits.maxQueueTokens) return `about ${tokens} tokens waiting`;
  return wait !== null && wait > limits.maxQueueMs ? `work for ${Math.ceil(wait)} ms` : null;
}

/** Tokens of the inputs, each at most `maxTokens`; of texts a guess by their characters. */
export function estimateTokens(inputs: readonly ModelInput[], maxTokens: number): number {
  let tokens = 0;
  for (const input of inputs) {
    const own = isIds(input) ? input.length : estimateTokensOf(input);
    tokens += Math.min(own, maxTokens);
  }
  return tokens;
}

/** Whether an input is a list of token ids. */
export function isIds(input: ModelInput): input is readonly number[] {
  return typeof input !== 'string' && typeof input[0] !== 'string';
}

/** UTF-16 units of an input; 0 for ids. */
export function charactersOf(input: ModelInput): number {
  if (typeof input === 'string') return input.length;
  return isIds(input) ? 0 : input[0].length + input[1].length;
}
