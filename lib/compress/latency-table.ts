/**
 * The time that a model of any widths and depth takes on one machine, from a table of measured times.
 *
 * The time is a constant and, for each layer, a base, a function of its heads and a function of its neurons. These are linear
 * between a few widths and never fall; measure-latency.ts measures them. A table can be written as JSON and read again.
 */

import { cpus } from 'node:os';
import { SinterError } from '../core/errors.js';
import type { LayerShape } from '../graph/rewrite/layer-shapes.js';
import { UNIT_PARTS, type UnitPart } from '../graph/rewrite/units.js';
import { native } from '../native/native.js';

/** The kernels compute 16 outputs at a time: neurons count in full panels. */
const PANEL = 16;

/** Where times are comparable. */
export interface MeasuredMachine {
  readonly cpu: string;
  /** The kernel level that ran. */
  readonly isa: string;
  readonly lanes: number;
}

/** A function that is linear between `counts`, which increase: ms[i] is what it gains from counts[i - 1] to counts[i]. */
export interface LatencyCurve {
  readonly counts: readonly number[];
  /** As many as counts; the first is 0. */
  readonly ms: readonly number[];
}

/** The layers of one kind. */
export interface LayerLatency extends Readonly<Record<UnitPart, LatencyCurve>> {
  /** A layer with the smallest count of each curve. */
  readonly baseMs: number;
}

/** The content of a table. Times are milliseconds for all texts of the sample together. */
export interface LatencyData {
  readonly format: 1;
  readonly machine: MeasuredMachine;
  /** `f32`, or the bits of the activation codes of an int8 model. */
  readonly arithmetic: 'f32' | 'int8' | 'int7';
  /** Tokens of the texts that ran. */
  readonly lengths: readonly number[];
  /** Texts per call. */
  readonly textsPerCall: number;
  /** How often every shape ran. */
  readonly rounds: number;
  readonly constantMs: number;
  readonly kinds: Readonly<Record<string, LayerLatency>>;
}

/** This machine, for tables. The lanes must have been started. */
export function thisMachine(): MeasuredMachine {
  const binding = native();
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    isa: binding.isa().active,
    lanes: binding.lanes(),
  };
}

export class LatencyTable {
  readonly data: LatencyData;

  constructor(data: LatencyData) {
    this.data = data;
  }

  /**
   * A table from the value that JSON.parse gives for what `JSON.stringify(table)` wrote. Throws INVALID_DATA if it is no
   * table, or if it was measured on another machine; `anyMachine: true` takes it all the same.
   */
  static from(value: unknown, where: string, { anyMachine = false } = {}): LatencyTable {
    const data = checked(value, where);
    const [own, theirs] = [thisMachine(), data.machine];
    const differs = (['cpu', 'isa', 'lanes'] as const).filter((key) => own[key] !== theirs[key]);
    if (differs.length > 0 && !anyMachine) {
      const list = (machine: MeasuredMachine) =>
        differs.map((key) => `${key} ${machine[key]}`).join(', ');
      throw new SinterError(
        'INVALID_DATA',
        `${where}: the latency table is of another machine: ${list(theirs)}, this one has ${list(own)}; measure it again, or pass anyMachine: true`,
      );
    }
    return new LatencyTable(data);
  }

  toJSON(): LatencyData {
    return this.data;
  }

  /** Milliseconds of the sample for a model of these layers. Throws INVALID_DATA for a kind of layer that is not in the table. */
  predict(layers: readonly LayerShape[]): number {
    let sum = this.data.constantMs;
    for (const { kind, heads, neurons } of layers) {
      sum += this.kind(kind).baseMs + this.cost(kind, 'heads', heads);
      sum += this.cost(kind, 'neurons', neurons);
    }
    return sum;
  }

  /** What `count` units take beyond the smallest count of the curve; below that count the first line goes on. */
  cost(kind: string, part: UnitPart, count: number): number {
    const { counts, ms } = this.kind(kind)[part];
    return sharesOf(counts, countedUnits(part, count)).reduce(
      (sum, share, i) => sum + share * (ms[i + 1] ?? 0),
      0,
    );
  }

  /** What a model of these layers takes beside `cost` of its heads and neurons. */
  fixed(layers: readonly LayerShape[]): number {
    return layers.reduce((sum, { kind }) => sum + this.kind(kind).baseMs, this.data.constantMs);
  }

  private kind(name: string): LayerLatency {
    const found = this.data.kinds[name];
    if (found !== undefined && Object.hasOwn(this.data.kinds, name)) return found;
    throw new SinterError('INVALID_DATA', `the latency table has no layers of the kind ${name}`);
  }
}

/** Units as the kernels compute them. */
export function countedUnits(part: UnitPart, count: number): number {
  return part === 'heads' ? count : Math.ceil(count / PANEL) * PANEL;
}

/** How much of each piece between two counts lies below `count`: 0 to 1, but the first and the last piece go on. */
export function sharesOf(counts: readonly number[], count: number): readonly number[] {
  const last = counts.length - 2;
  return counts.slice(1).map((end, i) => {
    const begin = counts[i] ?? 0;
    const share = (count - begin) / (end - begin);
    return Math.max(i === 0 ? -Infinity : 0, Math.min(i === last ? Infinity : 1, share));
  });
}

function checked(value: unknown, where: string): LatencyData {
  const fail = (what: string) =>
    new SinterError('INVALID_DATA', `${where}: the latency table is damaged: ${what}`);
  const data = value as LatencyData | null;
  if (typeof data !== 'object' || data === null) throw fail('it is no object');
  if (data.format !== 1) throw fail(`its format must be 1, got ${String(data.format)}`);
  const isTime = (time: unknown) => typeof time === 'number' && Number.isFinite(time) && time >= 0;
  if (!isTime(data.constantMs)) throw fail('constantMs must be a number from 0');
  for (const field of ['machine', 'kinds'] as const) {
    if (typeof data[field] !== 'object' || data[field] === null) throw fail(`${field} is missing`);
  }
  for (const [name, kind] of Object.entries(data.kinds)) {
    if (!isTime(kind?.baseMs)) throw fail(`baseMs of ${name} must be a number from 0`);
    for (const part of UNIT_PARTS) {
      const curve = kind[part] as Partial<LatencyCurve> | undefined;
      const { counts, ms } = curve ?? {};
      const isCurve =
        Array.isArray(counts) &&
        Array.isArray(ms) &&
        counts.length >= 1 &&
        ms.length === counts.length &&
        ms.every(isTime) &&
        counts.every((count, i) => Number.isSafeInteger(count) && count > (counts[i - 1] ?? 0));
      if (!isCurve) throw fail(`${part} of ${name} must be counts that increase, and times from 0`);
    }
  }
  return data;
}
