/** Counts how alike the results of two models are, in constant memory. */
import type { Agreement } from './compare-results.js';

/** What a shadow model was compared on so far. */
export interface ShadowCounts {
  /** Requests that were compared, that failed on the candidate, and that were left out because others were running. */
  readonly requests: number;
  readonly failed: number;
  readonly skipped: number;
  /** Results that were compared. */
  readonly results: number;
  /** Mean agreement of the results, 0 to 1; null before the first. */
  readonly agreement: number | null;
  /** Of vectors: the mean and the smallest cosine; else null. */
  readonly meanCosine: number | null;
  readonly minCosine: number | null;
}

export class AgreementCounts {
  private requests = 0;
  private failed = 0;
  private skipped = 0;
  private results = 0;
  private agreement = 0;
  private cosines = 0;
  private cosine = 0;
  private least = Number.POSITIVE_INFINITY;

  add(found: readonly Agreement[]): void {
    this.requests++;
    for (const { agreement, cosine } of found) {
      this.results++;
      this.agreement += agreement;
      if (cosine === null) continue;
      this.cosines++;
      this.cosine += cosine;
      this.least = Math.min(this.least, cosine);
    }
  }

  fail(): void {
    this.failed++;
  }

  skip(): void {
    this.skipped++;
  }

  snapshot(): ShadowCounts {
    const { requests, failed, skipped, results, cosines } = this;
    return {
      ...{ requests, failed, skipped, results },
      agreement: results === 0 ? null : this.agreement / results,
      meanCosine: cosines === 0 ? null : this.cosine / cosines,
      minCosine: cosines === 0 ? null : this.least,
    };
  }
}
