/**
 * Measures how many tokens a second a model answers, to say when a refused request may come again.
 *
 * The rule: only time in which requests were open counts, so that an idle hour is no slow hour.
 */

/** The past fades with this time constant, in milliseconds of open requests. */
const FADE_MS = 10_000;

export class TokenRate {
  private tokens = 0;
  private ms = 0;
  private open = 0;
  private last = 0;

  /** A request begins. */
  begin(now: number): void {
    this.advance(now);
    this.open++;
  }

  /** A request has ended, of which `tokens` were computed. */
  end(tokens: number, now: number): void {
    this.advance(now);
    this.tokens += tokens;
    this.open--;
  }

  /** Tokens a second; null before the first request has ended. */
  get perSecond(): number | null {
    return this.tokens === 0 || this.ms === 0 ? null : (1000 * this.tokens) / this.ms;
  }

  private advance(now: number): void {
    const passed = this.open === 0 ? 0 : now - this.last;
    const kept = Math.exp(-passed / FADE_MS);
    this.tokens *= kept;
    this.ms = this.ms * kept + passed;
    this.last = now;
  }
}
