/**
 * Evaluates an ONNX file on the probe of its verification in a second thread, while the file is recovered.
 *
 * The thread guesses the probe. If the guess is wrong or fails, its values are dropped: the verification then evaluates the
 * file itself, and throws the errors.
 */

import { availableParallelism } from 'node:os';
import { WorkerThread } from '../../core/worker-thread.js';
import { type Guess, isGuessed } from '../../formats/onnx/import/guess.js';
import type { ImportSettings } from '../../formats/onnx/import/index.js';
import type { Tensor } from '../../formats/onnx/import/model.js';

export interface AheadMessage {
  readonly file: string;
  readonly settings: ImportSettings;
}

type Values = ReadonlyMap<string, Tensor>;

export class Ahead {
  private readonly thread: WorkerThread;
  private readonly guess: Promise<Guess | null>;
  private readonly values: Promise<Values | null>;

  private constructor(message: AheadMessage) {
    // No signal here: it ends the thread that waits for the values, which ends this one.
    this.thread = new WorkerThread('ahead-worker', {
      where: 'load',
      signal: undefined,
    });
    this.guess = this.thread.call<Guess>('guess', message).catch(() => null);
    this.values = this.thread.call<Values>('values', null).catch(() => null);
  }

  /** Starts the thread; null on one processor, where it would save nothing. */
  static begin(message: AheadMessage): Ahead | null {
    return availableParallelism() > 1 ? new Ahead(message) : null;
  }

  /** Returns the values for `wanted`; null when others were computed. Ends the thread. */
  async take(wanted: Guess): Promise<Values | null> {
    const guess = await this.guess;
    const values = guess !== null && isGuessed(guess, wanted) ? await this.values : null;
    await this.end();
    return values;
  }

  async end(): Promise<void> {
    await this.thread.close();
  }
}
