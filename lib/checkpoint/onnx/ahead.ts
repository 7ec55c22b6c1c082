/**
 * The file's own values on the probe of its verification, computed in a thread of their own while the file is recovered.
 *
 * The thread guesses the probe. Values of another one are not used, nor is anything of a guess that failed: then whoever
 * verifies evaluates the file itself, and gets the errors.
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
    // The thread that waits for the values is ended by the caller's signal, and this one with it.
    this.thread = new WorkerThread('ahead-worker', {
      where: 'load',
      signal: undefined,
    });
    this.guess = this.thread.call<Guess>('guess', message).catch(() => null);
    this.values = this.thread.call<Values>('values', null).catch(() => null);
  }

  /** null on one processor, where it would save nothing. */
  static begin(message: AheadMessage): Ahead | null {
    return availableParallelism() > 1 ? new Ahead(message) : null;
  }

  /** The values of `wanted`; null where they were not the ones that were computed. Ends the thread. */
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
