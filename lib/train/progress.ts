/**
 * The progress of a training: all state that its next step depends on, apart from the trainer's state and the settings.
 *
 * State that influences the run belongs here, so that a resumed run has the same bits.
 */

import { SinterError } from '../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue, jsonObjectOf } from '../core/json.js';
import { type RandomState, SeededRandom } from '../core/random.js';
import type { RowSampler } from './batches.js';
import type { BestScore, BestScores } from './best-score.js';
import type { EpochRecord, EvaluationRecord, StepRecord } from './train-report.js';

/** What the report of a training has of its steps, epochs and evaluations so far. */
export interface TrainingHistory<S> {
  steps: StepRecord[];
  epochs: EpochRecord<S>[];
  evaluations: EvaluationRecord<S>[];
}

export class TrainingProgress<S = unknown> {
  /** Steps that were taken. */
  steps = 0;
  /** Number of the epoch that is running, or of the last one that ended; 0 before the first. */
  epoch = 0;
  inEpoch = false;
  /** Sum of the losses of the epoch's rows so far. */
  lossSum = 0;
  /** Rows of the epoch so far. */
  rows = 0;
  random: SeededRandom;
  readonly sampler: RowSampler;
  readonly scores: BestScores;
  history: TrainingHistory<S> = { steps: [], epochs: [], evaluations: [] };

  constructor(random: SeededRandom, sampler: RowSampler, scores: BestScores) {
    this.random = random;
    this.sampler = sampler;
    this.scores = scores;
  }

  beginEpoch(): void {
    this.epoch++;
    this.inEpoch = true;
    this.lossSum = 0;
    this.rows = 0;
    this.sampler.begin(this.random);
  }

  endEpoch(): void {
    this.inEpoch = false;
  }

  /** Epochs, with the part of the running one that was taken. */
  get epochs(): number {
    return this.epoch === 0 ? 0 : this.epoch - 1 + this.sampler.share;
  }

  toJson(): JsonObject {
    const { steps, epoch, inEpoch, lossSum, rows, sampler, scores } = this;
    const { order, batch } = sampler.state;
    const random = [...this.random.state];
    return {
      ...{ steps, epoch, inEpoch, lossSum, rows, random, order: [...order], batch },
      ...{ scores: scores.toJson() },
    };
  }

  /** Restores the progress from the result of toJson. Throws CORRUPT_MODEL that names `file` if the JSON is not valid. */
  async restore(json: JsonObject, file: string): Promise<void> {
    const read = new ProgressReader(json, file);
    this.steps = read.count('steps');
    this.epoch = read.count('epoch');
    this.inEpoch = read.boolean('inEpoch');
    this.lossSum = read.number('lossSum');
    this.rows = read.count('rows');
    await this.sampler.restore({ order: read.random('order'), batch: read.count('batch') });
    this.random = SeededRandom.from(read.random('random'));
    const scores = new ProgressReader(read.object('scores'), file);
    this.scores.misses = scores.count('misses');
    this.scores.best = (read.object('scores').best ?? null) as BestScore | null;
  }

  /** The history as JSON: it grows with the steps. */
  historyText(): string {
    return JSON.stringify(this.history, withoutNaN);
  }

  /** Restores the history from the result of historyText. Throws CORRUPT_MODEL that names `file` if it is none. */
  restoreHistory(text: string, file: string): void {
    if (jsonObjectOf(text) === undefined) {
      const details = { file };
      throw new SinterError('CORRUPT_MODEL', `${file}: the report must be a JSON object`, {
        details,
      });
    }
    this.history = JSON.parse(text, withNaN) as TrainingHistory<S>;
  }
}

class ProgressReader {
  private readonly json: JsonObject;
  private readonly file: string;

  constructor(json: JsonObject, file: string) {
    this.json = json;
    this.file = file;
  }

  number(key: string): number {
    const value = this.json[key];
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.fail(`${key} must be a number`);
  }

  count(key: string): number {
    const value = this.number(key);
    if (Number.isSafeInteger(value) && value >= 0) return value;
    throw this.fail(`${key} must be a whole number from 0`);
  }

  object(key: string): JsonObject {
    const value = this.json[key];
    if (isJsonObject(value)) return value;
    throw this.fail(`${key} must be an object`);
  }

  boolean(key: string): boolean {
    const value = this.json[key];
    if (typeof value === 'boolean') return value;
    throw this.fail(`${key} must be true or false`);
  }

  random(key: string): RandomState {
    const value = this.json[key];
    if (isRandomState(value)) return value;
    throw this.fail(`${key} must be four 32-bit numbers`);
  }

  private fail(what: string): SinterError {
    return new SinterError('CORRUPT_MODEL', `${this.file}: ${what}`, {
      details: { file: this.file },
    });
  }
}

/** Scores may be NaN or infinite, which JSON has no numbers for. */
function withoutNaN(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? { number: `${value}` } : value;
}

function withNaN(_: string, value: unknown): unknown {
  const { number } = (value ?? {}) as { readonly number?: unknown };
  return typeof number === 'string' ? Number(number) : value;
}

function isRandomState(value: JsonValue | undefined): value is [number, number, number, number] {
  if (!Array.isArray(value) || value.length !== 4) return false;
  return value.every((part) => typeof part === 'number' && (part | 0) === part);
}
