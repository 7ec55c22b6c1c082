/**
 * Limits of one API key: requests at a time, and requests and tokens a minute.
 *
 * The rule: a request is counted with an estimate when it begins, and the estimate is corrected when its tokens are known.
 */
import { RequestFailure } from './handling.js';

/** What a key may use; what is left out has no limit. */
export interface KeyLimits {
  readonly maxConcurrentRequests?: number;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

const MINUTE_MS = 60_000;

/** An allowance that refills evenly: at most a minute of it is saved up. A request larger than the rest goes into debt. */
class Allowance {
  private left: number;
  private last: number;

  constructor(
    private readonly perMinute: number,
    now: number,
  ) {
    this.left = perMinute;
    this.last = now;
  }

  /** Milliseconds until at least 1 is left; 0: now. */
  waitMs(now: number): number {
    const refill = ((now - this.last) * this.perMinute) / MINUTE_MS;
    this.left = Math.min(this.perMinute, this.left + refill);
    this.last = now;
    return this.left >= 1 ? 0 : Math.ceil(((1 - this.left) * MINUTE_MS) / this.perMinute);
  }

  take(amount: number): void {
    this.left -= amount;
  }
}

/** The state of a key with limits. */
export class KeyMeter {
  private open = 0;
  private readonly requests: Allowance | null;
  private readonly tokens: Allowance | null;

  constructor(
    private readonly name: string,
    readonly limits: KeyLimits,
    now = performance.now(),
  ) {
    const { requestsPerMinute, tokensPerMinute } = limits;
    this.requests = requestsPerMinute === undefined ? null : new Allowance(requestsPerMinute, now);
    this.tokens = tokensPerMinute === undefined ? null : new Allowance(tokensPerMinute, now);
  }

  /** Throws `overloaded` where a limit is reached; counts nothing yet. */
  check(now: number): void {
    const { maxConcurrentRequests: most = Number.POSITIVE_INFINITY } = this.limits;
    if (this.open >= most) this.refuse(`${most} requests at a time`, 1000);
    const { requestsPerMinute, tokensPerMinute } = this.limits;
    const request = this.requests?.waitMs(now) ?? 0;
    if (request > 0) this.refuse(`${requestsPerMinute} requests a minute`, request);
    const token = this.tokens?.waitMs(now) ?? 0;
    if (token > 0) this.refuse(`${tokensPerMinute} tokens a minute`, token);
  }

  begin(estimatedTokens: number): void {
    this.open++;
    this.requests?.take(1);
    this.tokens?.take(estimatedTokens);
  }

  end(estimatedTokens: number, tokens: number): void {
    this.open--;
    this.tokens?.take(tokens - estimatedTokens);
  }

  private refuse(limit: string, retryAfterMs: number): never {
    const what = `the key ${JSON.stringify(this.name)} may have ${limit}`;
    throw new RequestFailure('overloaded', what, { retryAfterMs });
  }
}
