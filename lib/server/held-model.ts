/**
 * A loaded model that requests hold while they use it. It is freed when it was replaced and its last request has ended.
 *
 * So a reload never takes a model away from a request that has begun.
 */
import type { BatcherMetrics } from '../batching/batch-metrics.js';
import type { Priority } from '../core/priority.js';
import type { TokenCount } from '../monitor/index.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { ServedInfo, ServedModel } from './contract.js';
import type { LoadedModel } from './served/served-base.js';

export class HeldModel {
  private users = 0;
  private retired = false;
  private freed: Promise<void> | null = null;
  private readonly idle: (() => void)[] = [];

  constructor(private readonly loaded: LoadedModel) {}

  get info(): ServedInfo {
    return this.loaded.served.info;
  }

  get maskToken(): string | null {
    return this.loaded.maskToken;
  }

  /** What its queues have counted: one for each of its batchers. */
  metrics(): BatcherMetrics[] {
    return this.loaded.batchers().map((batcher) => batcher.metrics());
  }

  /** Milliseconds that a new request would wait in the longest of its queues; null before the first batch has ended. */
  waitMs(priority: Priority): number | null {
    let longest: number | null = null;
    for (const batcher of this.loaded.batchers()) {
      const wait = batcher.estimatedWaitMs(priority);
      if (wait !== null) longest = Math.max(longest ?? 0, wait);
    }
    return longest;
  }

  /** Counts the tokens of a text, for what watches the server. */
  countTokens(text: TextInput): Promise<TokenCount> {
    return this.loaded.countTokens(text);
  }

  /** Runs `work` with the model, which is kept alive meanwhile. */
  async use<T>(work: (model: ServedModel) => Promise<T>): Promise<T> {
    this.users++;
    try {
      return await work(this.loaded.served);
    } finally {
      this.users--;
      if (this.retired && this.users === 0) for (const resolve of this.idle.splice(0)) resolve();
    }
  }

  /** Frees the model after its last user. May be called twice. */
  async retire(): Promise<void> {
    this.retired = true;
    if (this.users > 0) await new Promise<void>((resolve) => this.idle.push(resolve));
    this.freed ??= this.loaded.dispose();
    await this.freed;
  }
}
