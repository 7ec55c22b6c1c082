/**
 * How many tokens a batcher computes in a second, by its latest batches.
 *
 * Only time in which a batch ran counts, and of batches that overlap it counts once: idle hours do not make a model slow.
 */

/** Busy milliseconds after which a batch weighs 1 / e of a new one. */
const MEMORY_MS = 5000;

export class Throughput {
  private tokens = 0;
  private busyMs = 0;
  private running = 0;
  private since = 0;

  /** A batch begins at `now`, in milliseconds. */
  begin(now: number): void {
    if (this.running++ === 0) this.since = now;
  }

  /** A batch of this many tokens ends. */
  end(now: number, tokens: number): void {
    const ms = now - this.since;
    const kept = Math.exp(-ms / MEMORY_MS);
    this.tokens = this.tokens * kept + tokens;
    this.busyMs = this.busyMs * kept + ms;
    this.since = now;
    this.running--;
  }

  /** null before the first batch has ended. */
  get tokensPerSecond(): number | null {
    return this.busyMs > 0 ? (1000 * this.tokens) / this.busyMs : null;
  }

  /** Milliseconds that this many tokens take; null before the first batch has ended. */
  msOf(tokens: number): number | null {
    const { tokensPerSecond } = this;
    return tokensPerSecond === null ? null : (1000 * tokens) / tokensPerSecond;
  }
}
