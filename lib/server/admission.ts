/**
 * Decides at once whether a request is taken: a permit per request, so that no request fails half-way.
 *
 * The rule: a permit is given back when the work has really ended, not when its caller has gone.
 */
import { estimateTokensOf } from '../batching/token-estimate.js';
import type { ModelInput } from './contract.js';
import { RequestFailure } from './handling.js';
import type { KeyMeter } from './key-limits.js';
import { TokenRate } from './token-rate.js';

/** When to try again where nothing was measured yet. */
const UNKNOWN_WAIT_MS = 1000;

/** Requests and estimated tokens of one model that are open, with their limits. */
export class ModelGauge {
  requests = 0;
  tokens = 0;
  readonly rate = new TokenRate();

  constructor(
    readonly limits: { readonly maxConcurrentRequests: number; readonly maxQueueTokens: number },
  ) {}

  /** Milliseconds until the open requests are answered, by the measured rate. */
  get waitMs(): number {
    const { perSecond } = this.rate;
    return perSecond === null ? UNKNOWN_WAIT_MS : Math.ceil((1000 * this.tokens) / perSecond);
  }
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
  enter({ gauge, name, key, estimatedTokens }: Entrance): Permit {
    const now = performance.now();
    if (this.open >= this.maxConcurrentRequests) {
      const what = `${this.open} requests are being answered already`;
      throw new RequestFailure('overloaded', what, {
        retryAfterMs: gauge?.waitMs ?? UNKNOWN_WAIT_MS,
      });
    }
    if (gauge !== null) checkGauge(gauge, name, estimatedTokens);
    key?.check(now);
    this.open++;
    key?.begin(estimatedTokens);
    if (gauge !== null) {
      gauge.requests++;
      gauge.tokens += estimatedTokens;
      gauge.rate.begin(now);
    }
    return {
      leave: (tokens) => {
        this.open--;
        key?.end(estimatedTokens, tokens);
        if (gauge === null) return;
        gauge.requests--;
        gauge.tokens -= estimatedTokens;
        gauge.rate.end(tokens, performance.now());
      },
    };
  }
}

/** A request that is larger than the limit of tokens is taken where no other is open. */
function checkGauge(gauge: ModelGauge, name: string, estimatedTokens: number): void {
  const { requests, tokens, limits, waitMs } = gauge;
  const model = `the model ${JSON.stringify(name)}`;
  const full =
    requests >= limits.maxConcurrentRequests
      ? `${model} has ${requests} requests already`
      : requests > 0 && tokens + estimatedTokens > limits.maxQueueTokens
        ? `${model} has about ${tokens} tokens waiting already`
        : null;
  if (full !== null) throw new RequestFailure('overloaded', full, { retryAfterMs: waitMs });
}

/** Tokens of the inputs, each at most `maxTokens`; of texts a guess by their characters. */
export function estimateTokens(inputs: readonly ModelInput[], maxTokens: number): number {
  let tokens = 0;
  for (const input of inputs) {
    const own = isIds(input) ? input.length : estimateTokensOf(charactersOf(input));
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
