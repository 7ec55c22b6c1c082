/**
 * Computes the requests of a batcher in native batches, and hands out the results.
 *
 * If a batch fails, each of its requests is computed alone, so that only the faulty one gets the error.
 */

import { SinterError } from '../core/errors.js';
import { Matrix } from '../core/matrix.js';
import { Turn } from '../core/turns.js';
import type { BatchCounters } from './batch-metrics.js';
import type { RequestTokens } from './batch-work.js';
import { joinTokens, type Request, RunningBatch } from './request.js';

/** Who learns how requests end. */
export interface ComputeTarget {
  complete(request: Request, result: unknown): void;
  fail(request: Request, error: unknown): void;
}

export class ComputeStage {
  private readonly counters: BatchCounters;
  private readonly target: ComputeTarget;

  constructor(counters: BatchCounters, target: ComputeTarget) {
    this.counters = counters;
    this.target = target;
  }

  /** The rows of requests that have left their line; null if they were settled already, because the batch has failed. */
  async compute(requests: readonly Request[]): Promise<Matrix | null> {
    const [first] = requests;
    if (first === undefined) return null;
    const batch = new RunningBatch(requests.length);
    for (const request of requests) request.batch = batch;
    try {
      const tokens = joinTokens(requests);
      this.counters.beginBatch();
      return await first.work.runner.run(tokens, batch.signal, first.priority).finally(() => {
        batch.end = performance.now();
        this.counters.endBatch(requests.length, tokens.ids.length);
      });
    } catch (error) {
      if (requests.length > 1 && !endsAll(error)) {
        for (const request of requests) {
          const rows = request.isOpen ? await this.compute([request]) : null;
          if (rows !== null) await this.deliver([request], rows);
        }
      } else {
        for (const request of requests) this.target.fail(request, error);
      }
      return null;
    }
  }

  /** Makes the results of a batch from its rows, one after the other; the event loop turns where that takes long. */
  async deliver(requests: readonly Request[], rows: Matrix): Promise<void> {
    const turn = new Turn();
    const { cols, data } = rows;
    let row = 0;
    for (const request of requests) {
      const { encoded, work, facts } = request;
      const tokens = encoded as RequestTokens;
      const count = work.runner.rowsOf(tokens);
      const begin = row;
      row += count;
      if (!request.isOpen) continue;
      facts?.add(request);
      try {
        const own = new Matrix(data.subarray(begin * cols, row * cols), count, cols);
        const answer = work.answer(own, tokens);
        this.target.complete(request, answer instanceof Promise ? await answer : answer);
      } catch (error) {
        this.target.fail(request, error);
      }
      if (turn.isOver) await turn.end();
    }
  }
}

/** Whether every request of the batch would fail alone in the same way. */
function endsAll(error: unknown): boolean {
  return error instanceof SinterError && (error.code === 'CANCELLED' || error.code === 'DISPOSED');
}
