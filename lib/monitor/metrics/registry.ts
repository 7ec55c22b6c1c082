/**
 * Counters, gauges and cumulative histograms with labels, and their text for Prometheus.
 *
 * The rule: memory is bounded. A metric has at most `maxSeries` combinations of label values; what comes after them is counted
 * under "other", so that a total stays right whatever the labels are.
 */
import { rangeMistake, typeMistake } from '../../core/errors.js';
import { headLines, isLabelName, isMetricName, sampleLine } from './text-format.js';

/** Name, help and labels of a metric. */
export interface MetricSettings<L extends string> {
  readonly name: string;
  /** One sentence: what is counted, in which unit. */
  readonly help: string;
  readonly labels?: readonly L[];
  /** Most combinations of label values. Default: 500. */
  readonly maxSeries?: number;
}

/** A value that is read when the metrics are asked for, with its labels. */
export interface Reading<L extends string> {
  readonly labels?: Readonly<Record<L, string>>;
  readonly value: number;
}

/** Where the values of a metric come from when they are read at the time of asking. */
export interface ReadSettings<L extends string> extends MetricSettings<L> {
  readonly read: () => Iterable<Reading<L>>;
}

export interface HistogramSettings<L extends string> extends MetricSettings<L> {
  /** Upper bounds, ascending and finite; the last bucket, +Inf, is added. */
  readonly buckets: readonly number[];
}

type Labels<L extends string> = [L] extends [never] ? [] : [Readonly<Record<L, string>>];

const MAX_SERIES = 500;
const OTHER = 'other';
/** Stands between label values in keys; no text of a label value that matters contains it. */
const BETWEEN = '\u0000';

interface Metric {
  readonly name: string;
  text(): string;
}

/** The values of a metric by the values of its labels. */
class Series<L extends string, V> {
  private readonly byKey = new Map<
    string,
    { readonly values: readonly string[]; readonly value: V }
  >();
  private readonly names: readonly L[];
  private readonly most: number;

  constructor(
    private readonly settings: MetricSettings<L>,
    private readonly make: () => V,
  ) {
    this.names = settings.labels ?? [];
    this.most = settings.maxSeries ?? MAX_SERIES;
    if (this.names.length === 0) this.at(undefined);
  }

  /** The value for these labels. Throws TypeError if a label is missing. */
  at(labels: Readonly<Record<L, string>> | undefined): V {
    const values = this.names.map((name) => {
      const value: unknown = labels?.[name];
      if (typeof value !== 'string') {
        throw typeMistake(`${this.settings.name}: label ${name}`, 'a text', value);
      }
      return value;
    });
    const key = values.join(BETWEEN);
    const found = this.byKey.get(key);
    if (found !== undefined) return found.value;
    return this.byKey.size < this.most ? this.add(key, values) : this.rest();
  }

  lines(write: (labels: readonly (readonly [string, string])[], value: V) => string): string {
    const parts: string[] = [];
    for (const { values, value } of this.byKey.values()) {
      const labels = this.names.map((name, i) => [name, values[i] ?? ''] as const);
      parts.push(write(labels, value));
    }
    return parts.join('');
  }

  private add(key: string, values: readonly string[]): V {
    const value = this.make();
    this.byKey.set(key, { values, value });
    return value;
  }

  private rest(): V {
    const values = this.names.map(() => OTHER);
    const key = values.join(BETWEEN);
    return this.byKey.get(key)?.value ?? this.add(key, values);
  }
}

/** A number that only grows. */
export class Counter<L extends string = never> implements Metric {
  readonly name: string;
  private readonly series: Series<L, { total: number }>;

  /** @internal Made by a registry. */
  constructor(private readonly settings: MetricSettings<L>) {
    this.name = settings.name;
    this.series = new Series(settings, () => ({ total: 0 }));
  }

  /** Adds `by`, which must be a number from 0. */
  add(by: number, ...[labels]: Labels<L>): void {
    if (!(by >= 0 && by < Number.POSITIVE_INFINITY)) {
      throw rangeMistake(`${this.name}: a step`, 'a number from 0', by);
    }
    this.series.at(labels).total += by;
  }

  text(): string {
    const samples = this.series.lines((labels, { total }) => sampleLine(this.name, labels, total));
    return headLines(this.name, this.settings.help, 'counter') + samples;
  }
}

/** Values that are read at the time of asking: a gauge, or a counter that something else keeps. */
class ReadMetric<L extends string> implements Metric {
  readonly name: string;

  constructor(
    private readonly settings: ReadSettings<L>,
    private readonly type: 'gauge' | 'counter',
  ) {
    this.name = settings.name;
  }

  text(): string {
    const { name, help, labels = [] } = this.settings;
    const series = new Series<L, { value: number | null }>(this.settings, () => ({ value: null }));
    for (const { labels: given, value } of this.settings.read()) {
      const one = series.at(labels.length === 0 ? undefined : given);
      one.value = (one.value ?? 0) + value;
    }
    const samples = series.lines((pairs, { value }) =>
      value === null ? '' : sampleLine(name, pairs, value),
    );
    return headLines(name, help, this.type) + samples;
  }
}

/** Observations in buckets that include those below them, with their sum and number. */
export class Histogram<L extends string = never> implements Metric {
  readonly name: string;
  private readonly bounds: Float64Array;
  private readonly series: Series<L, { readonly counts: Float64Array; sum: number }>;

  /** @internal Made by a registry. */
  constructor(private readonly settings: HistogramSettings<L>) {
    this.name = settings.name;
    this.bounds = Float64Array.from(settings.buckets);
    for (const [i, bound] of this.bounds.entries()) {
      if (!Number.isFinite(bound) || bound <= (this.bounds[i - 1] ?? Number.NEGATIVE_INFINITY)) {
        throw rangeMistake(`${this.name}: buckets[${i}]`, 'finite and above the one before', bound);
      }
    }
    const size = this.bounds.length + 1;
    this.series = new Series(settings, () => ({ counts: new Float64Array(size), sum: 0 }));
  }

  /** Counts a value. */
  observe(value: number, ...labels: Labels<L>): void {
    this.observeMany(value, 1, ...labels);
  }

  /** Counts a value that occurred several times. */
  observeMany(value: number, times: number, ...[labels]: Labels<L>): void {
    if (!Number.isFinite(value)) {
      throw rangeMistake(`${this.name}: a value`, 'a finite number', value);
    }
    const one = this.series.at(labels);
    const bucket = this.bucketOf(value);
    one.counts[bucket] = (one.counts[bucket] ?? 0) + times;
    one.sum += value * times;
  }

  text(): string {
    const { name, bounds, settings } = this;
    const samples = this.series.lines(histogramLines(name, bounds));
    return headLines(name, settings.help, 'histogram') + samples;
  }

  /** The first bucket whose bound is not below the value. */
  private bucketOf(value: number): number {
    let low = 0;
    let high = this.bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= (this.bounds[middle] ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Observations that something else has counted, in the buckets of the histogram. */
export interface CountedReading<L extends string> {
  readonly labels: Readonly<Record<L, string>>;
  readonly sum: number;
  /** Observations of each bucket alone, the last one for those above all bounds. */
  readonly counts: readonly number[];
}

/** A histogram that something else keeps; readings with the same labels are added up. */
class ReadHistogram<L extends string> implements Metric {
  readonly name: string;

  constructor(
    private readonly settings: HistogramSettings<L>,
    private readonly read: () => Iterable<CountedReading<L>>,
  ) {
    this.name = settings.name;
  }

  text(): string {
    const { name, help, buckets } = this.settings;
    const size = buckets.length + 1;
    const series = new Series(this.settings, () => ({ counts: new Float64Array(size), sum: 0 }));
    for (const { labels, sum, counts } of this.read()) {
      const one = series.at(labels);
      one.sum += sum;
      for (const [i, count] of counts.entries()) {
        const bucket = Math.min(i, size - 1);
        one.counts[bucket] = (one.counts[bucket] ?? 0) + count;
      }
    }
    return headLines(name, help, 'histogram') + series.lines(histogramLines(name, buckets));
  }
}

/** Writes a series of a histogram: its cumulative buckets, its sum and its number. */
function histogramLines(name: string, bounds: ArrayLike<number>) {
  return (
    labels: readonly (readonly [string, string])[],
    { counts, sum }: { readonly counts: Float64Array; readonly sum: number },
  ): string => {
    let below = 0;
    const lines = Array.from(counts, (count, i) => {
      below += count;
      const bound = i < bounds.length ? String(bounds[i]) : '+Inf';
      return sampleLine(`${name}_bucket`, [...labels, ['le', bound]], below);
    });
    lines.push(sampleLine(`${name}_sum`, labels, sum), sampleLine(`${name}_count`, labels, below));
    return lines.join('');
  };
}

/** The metrics of one server, in the order they were made. */
export class Registry {
  private readonly metrics = new Map<string, Metric>();

  counter<L extends string = never>(settings: MetricSettings<L>): Counter<L> {
    return this.add(settings, new Counter(settings));
  }

  histogram<L extends string = never>(settings: HistogramSettings<L>): Histogram<L> {
    return this.add(settings, new Histogram(settings));
  }

  /** A gauge whose values `read` gives when the metrics are asked for; those with the same labels are added up. */
  gauge<L extends string = never>(settings: ReadSettings<L>): void {
    this.add(settings, new ReadMetric(settings, 'gauge'));
  }

  /** A counter that something else keeps, read as a gauge is. */
  readCounter<L extends string = never>(settings: ReadSettings<L>): void {
    this.add(settings, new ReadMetric(settings, 'counter'));
  }

  /** A histogram that something else keeps, read as a gauge is. */
  readHistogram<L extends string>(
    settings: HistogramSettings<L> & { readonly read: () => Iterable<CountedReading<L>> },
  ): void {
    this.add(settings, new ReadHistogram(settings, settings.read));
  }

  /** All metrics in Prometheus' text format 0.0.4. */
  text(): string {
    return Array.from(this.metrics.values(), (metric) => metric.text()).join('');
  }

  private add<L extends string, M extends Metric>(settings: MetricSettings<L>, metric: M): M {
    const { name, labels = [] } = settings;
    if (!isMetricName(name)) throw rangeMistake('metric: name', 'a name of Prometheus', name);
    if (this.metrics.has(name)) throw rangeMistake('metric: name', 'a new name', name);
    for (const label of labels) {
      if (!isLabelName(label)) throw rangeMistake(`${name}: label`, 'a name of Prometheus', label);
    }
    this.metrics.set(name, metric);
    return metric;
  }
}
