/**
 * What a model met in its training rows: how long texts are, their script, unknown tokens, what the model says of them.
 *
 * The rule: a baseline holds counts and means, never a text.
 */
import { SinterError } from '../../core/errors.js';
import type { MonitoredInput } from '../records.js';
import { type Bins, binNames, binNumbers, type Quantity } from './quantities.js';
import { SCRIPT_NAMES, scriptOf } from './scripts.js';
import { VectorSums } from './vector-sums.js';

/** Where the vectors of the rows lie. */
export interface EmbeddingBaseline {
  readonly rows: number;
  /** Mean of the vectors, each scaled to length 1. */
  readonly centroid: readonly number[];
  /** Mean cosine distance of a vector from the centroid: 1 - cosine. */
  readonly meanDistance: number;
  /** Trace of the covariance: the mean squared distance of a vector of length 1 from the centroid. */
  readonly trace: number;
}

/** Counts over the training rows. Make it with `makeBaseline`, read it with `loadBaseline`. */
export interface Baseline {
  readonly model: {
    readonly task: string;
    /** The same for the same weights and settings; '' where it is not known. */
    readonly version: string;
  };
  readonly rows: number;
  /** When it was made, as an ISO date. */
  readonly created: string;
  readonly quantities: Readonly<Partial<Record<Quantity, Bins>>>;
  /** Encoders only. */
  readonly embedding: EmbeddingBaseline | null;
}

/** What is known of one text. What is left out is not counted. */
export interface Observation {
  readonly input?: MonitoredInput;
  readonly tokens?: number;
  /** Share of the tokens that stand for what the vocabulary lacks. */
  readonly unknown?: number;
  readonly vector?: Float32Array;
  readonly class?: string;
  readonly confidence?: number;
  readonly value?: number;
}

/** Length of an input in characters; null for ids of tokens. */
export function lengthOf(input: MonitoredInput): number | null {
  if (typeof input === 'string') return input.length;
  const [first, second] = input;
  return typeof first === 'string' ? first.length + String(second).length : null;
}

/** Name of the script of an input; null for ids of tokens. */
export function scriptName(input: MonitoredInput): string | null {
  if (typeof input === 'string') return SCRIPT_NAMES[scriptOf(input)] ?? null;
  const [first, second] = input;
  if (typeof first !== 'string') return null;
  return SCRIPT_NAMES[scriptOf(`${second} ${first}`)] ?? null;
}

/** Shares of unknown tokens: most texts have none, so deciles would be one number. */
const UNKNOWN_EDGES = [0, 0.01, 0.05, 0.2];

type NumberQuantity = Extract<Quantity, 'length' | 'tokens' | 'unknown' | 'confidence' | 'value'>;
const NUMBERS: readonly NumberQuantity[] = ['length', 'tokens', 'unknown', 'confidence', 'value'];

/** Gathers the observations of the training rows. */
export class BaselineBuilder {
  private rows = 0;
  private readonly numbers: Readonly<Record<NumberQuantity, number[]>> = {
    ...{ length: [], tokens: [], unknown: [], confidence: [], value: [] },
  };
  private readonly scripts = new Map<string, number>();
  private readonly classes = new Map<string, number>();
  private vectors: VectorSums | null = null;
  private readonly units: Float32Array[] = [];

  add(one: Observation): void {
    this.rows++;
    const { input, vector } = one;
    const length = input === undefined ? null : lengthOf(input);
    const script = input === undefined ? null : scriptName(input);
    for (const name of NUMBERS) {
      const value = name === 'length' ? length : one[name];
      if (value !== null && value !== undefined) this.numbers[name].push(value);
    }
    if (script !== null) count(this.scripts, script);
    if (one.class !== undefined) count(this.classes, one.class);
    if (vector === undefined) return;
    this.vectors ??= new VectorSums(vector.length);
    const unit = this.vectors.add(vector);
    if (unit !== null) this.units.push(unit);
  }

  /** The baseline. INVALID_DATA without rows. */
  build(model: Baseline['model'], created: Date): Baseline {
    if (this.rows === 0) throw new SinterError('INVALID_DATA', 'makeBaseline: there are no rows');
    const quantities: Partial<Record<Quantity, Bins>> = {};
    for (const name of NUMBERS) {
      const values = this.numbers[name];
      if (values.length === 0) continue;
      const edges = name === 'unknown' ? UNKNOWN_EDGES : undefined;
      quantities[name] = binNumbers(Float64Array.from(values), edges);
    }
    if (this.scripts.size > 0) quantities.script = binNames(this.scripts);
    if (this.classes.size > 0) quantities.class = binNames(this.classes);
    return {
      model,
      rows: this.rows,
      created: created.toISOString(),
      quantities,
      embedding: this.embedding(),
    };
  }

  private embedding(): EmbeddingBaseline | null {
    const { vectors, units } = this;
    if (vectors === null || vectors.count === 0) return null;
    const centroid = vectors.mean();
    const length = Math.hypot(...centroid);
    let [distance, spread] = [0, 0];
    for (const unit of units) {
      let [inner, squares] = [0, 0];
      for (let i = 0; i < unit.length; i++) {
        const [x, c] = [unit[i] ?? 0, centroid[i] ?? 0];
        inner += x * c;
        squares += (x - c) ** 2;
      }
      distance += 1 - inner / length;
      spread += squares;
    }
    const rows = units.length;
    return {
      rows,
      centroid: Array.from(centroid, (value) => Number(value.toPrecision(9))),
      meanDistance: distance / rows,
      trace: spread / rows,
    };
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
