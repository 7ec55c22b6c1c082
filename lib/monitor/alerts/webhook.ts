/**
 * Sends notices of alerts to a URL: one at a time and in order for each rule, again after a failure, with growing pauses.
 *
 * The rule: nothing waits for it. What a receiver does not take in time is dropped, and said.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a webhook is told. */
export interface AlertNotice {
  /** The same for every attempt to send this notice. */
  readonly id: string;
  readonly rule: string;
  readonly state: 'firing' | 'resolved';
  /** The condition: `p99_ms > 200`. */
  readonly when: string;
  readonly model: string | null;
  /** The number at the time of the notice; null where there is none any more. */
  readonly value: number | null;
  /** ISO dates: when the condition began to hold, and when the notice was made. */
  readonly since: string;
  readonly time: string;
}

/** How notices are sent. */
export interface WebhookOptions {
  /**
   * Key of the signature: the header `x-sinter-signature` is `t=SECONDS,v1=HEX`, HEX the HMAC-SHA256 of `SECONDS.BODY`. Default:
   * no signature.
   */
  readonly secret?: string;
  /** Attempts per notice. Default: 8. */
  readonly attempts?: number;
  /** Pause before the second attempt; it doubles up to a minute, and a random part of it is waited. Default: 1000. */
  readonly retryMs?: number;
  /** Time of an attempt. Default: 10,000. */
  readonly timeoutMs?: number;
}

const MOST_PAUSE_MS = 60_000;
/** Notices of a rule that wait. */
const MOST_WAITING = 16;
/** Answers that another attempt may change. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

/** Makes a notice's id. */
export const newNoticeId = (): string => randomUUID();

/** The queue of one rule. */
export class Webhook {
  private readonly waiting: AlertNotice[] = [];
  private readonly ended = new AbortController();
  private working: Promise<void> | null = null;

  constructor(
    private readonly url: string,
    private readonly options: WebhookOptions,
    private readonly onFailure: (notice: AlertNotice, what: string) => void,
  ) {}

  /** Sends a notice after those before it. Returns at once. */
  send(notice: AlertNotice): void {
    if (this.waiting.length >= MOST_WAITING) {
      const oldest = this.waiting.shift();
      if (oldest) this.onFailure(oldest, `${MOST_WAITING} notices are waiting`);
    }
    this.waiting.push(notice);
    this.working ??= this.work();
  }

  /** Resolves when nothing waits any more, or after `ms`; then what waits is given up. */
  async close(ms: number): Promise<void> {
    const timer = setTimeout(() => this.ended.abort(), ms);
    await this.working;
    clearTimeout(timer);
    this.ended.abort();
  }

  private async work(): Promise<void> {
    for (;;) {
      const notice = this.waiting.shift();
      if (notice === undefined) break;
      const failure = this.ended.signal.aborted ? 'the server ended' : await this.deliver(notice);
      if (failure !== null) this.onFailure(notice, failure);
    }
    this.working = null;
  }

  /** null when the receiver has taken the notice, else why it did not. */
  private async deliver(notice: AlertNotice): Promise<string | null> {
    const { attempts = 8, retryMs = 1000 } = this.options;
    let failure = '';
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (attempt > 0) {
        const most = Math.min(MOST_PAUSE_MS, retryMs * 2 ** (attempt - 1));
        // Half of the pause is certain, half random, so that many servers do not come back together.
        await this.pause(most / 2 + (Math.random() * most) / 2);
      }
      if (this.ended.signal.aborted) return 'the server ended';
      const { what, isFinal } = await this.attempt(notice);
      if (what === null) return null;
      failure = what;
      if (isFinal) break;
    }
    return failure;
  }

  private async attempt(
    notice: AlertNotice,
  ): Promise<{ readonly what: string | null; readonly isFinal: boolean }> {
    const { timeoutMs = 10_000 } = this.options;
    try {
      const body = JSON.stringify(notice);
      const response = await fetch(this.url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-sinter-delivery': notice.id,
          ...signatureOf(this.options.secret, body),
        },
        body,
        // Another address than the one that was configured does not get the notice.
        redirect: 'manual',
        signal: AbortSignal.any([this.ended.signal, AbortSignal.timeout(timeoutMs)]),
      });
      await response.body?.cancel();
      if (response.ok) return { what: null, isFinal: true };
      const { status } = response;
      const isFinal = status < 500 && !PASSING.has(status);
      return { what: `the receiver answered ${status}`, isFinal };
    } catch (error) {
      const { cause, message } = error as Error;
      const what = cause instanceof Error ? cause.message : message;
      return { what: `the receiver cannot be reached: ${what}`, isFinal: false };
    }
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.ended.signal, ref: false }).catch(() => undefined);
  }
}

function signatureOf(secret: string | undefined, body: string): Record<string, string> {
  if (secret === undefined) return {};
  const seconds = Math.floor(Date.now() / 1000);
  const hash = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex');
  return { 'x-sinter-signature': `t=${seconds},v1=${hash}` };
}
