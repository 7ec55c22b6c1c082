/**
 * What a server has done: sums per second for the last two minutes, and per minute for the last three hours.
 *
 * The rule: memory is constant. A span of time has one slot in a ring, which is cleared when a later span takes it.
 */
import { type FinishedRequest, SERVER_ERRORS } from '../records.js';
import { LATENCY_BUCKETS, latencyBucket, percentileOf } from './latencies.js';

const FIELDS = [
  'requests',
  'answered',
  'errors',
  'overloaded',
  'refused',
  'cancelled',
  'texts',
  'tokens',
  'truncated',
  'totalMs',
  'tokenizeMs',
  'queueMs',
  'inferenceMs',
  'queuedMost',
  'laneUse',
  'samples',
] as const;

type Field = (typeof FIELDS)[number];
const AT = Object.fromEntries(FIELDS.map((name, i) => [name, i])) as Readonly<
  Record<Field, number>
>;

/** Sums over some time. */
export interface TrafficSums {
  /** Milliseconds since 1970 at which the time begins, and its length in seconds. */
  readonly begin: number;
  readonly seconds: number;
  readonly requests: number;
  /** Requests with the outcome `ok`. */
  readonly answered: number;
  /** Requests that the server failed: failed, timeout, overloaded. */
  readonly errors: number;
  readonly overloaded: number;
  /** Requests that were wrong: validation, too_large, wrong_model, unauthorized. */
  readonly refused: number;
  readonly cancelled: number;
  readonly texts: number;
  readonly tokens: number;
  readonly truncated: number;
  /** Means over answered requests, in milliseconds; null without any. */
  readonly meanMs: Readonly<Record<'total' | 'tokenize' | 'queue' | 'inference', number>> | null;
  /** Percentiles of the time of answered requests, in milliseconds; null without any. */
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  /** Most texts that waited at a time. */
  readonly queuedMost: number;
  /** Mean share of the time in which lanes computed, 0 to 1; null where nobody looked. */
  readonly laneUse: number | null;
}

/** Slots for the latest `size` spans of `spanMs` milliseconds. */
class Ring {
  private readonly sums: Float64Array;
  private readonly latencies: Uint32Array;
  /** Number of the span that each slot holds; -1: none. */
  private readonly spans: Float64Array;

  constructor(
    readonly spanMs: number,
    readonly size: number,
  ) {
    this.sums = new Float64Array(size * FIELDS.length);
    this.latencies = new Uint32Array(size * LATENCY_BUCKETS);
    this.spans = new Float64Array(size).fill(-1);
  }

  /** The sums of the span that `now` is in; cleared if it is a new one. */
  slot(now: number): { sums: Float64Array; latencies: Uint32Array } {
    const span = Math.floor(now / this.spanMs);
    const i = span % this.size;
    const sums = this.sums.subarray(i * FIELDS.length, (i + 1) * FIELDS.length);
    const latencies = this.latencies.subarray(i * LATENCY_BUCKETS, (i + 1) * LATENCY_BUCKETS);
    if (this.spans[i] !== span) {
      sums.fill(0);
      latencies.fill(0);
      this.spans[i] = span;
    }
    return { sums, latencies };
  }

  /** Sums of `count` spans, the last of which is number `last`. */
  read(last: number, count: number): TrafficSums {
    const sums = new Float64Array(FIELDS.length);
    const latencies = new Float64Array(LATENCY_BUCKETS);
    for (let span = Math.max(0, last - count + 1); span <= last; span++) {
      const i = span % this.size;
      if (this.spans[i] !== span) continue;
      for (let f = 0; f < FIELDS.length; f++) {
        const value = this.sums[i * FIELDS.length + f] ?? 0;
        const now = sums[f] ?? 0;
        sums[f] = f === AT.queuedMost ? Math.max(now, value) : now + value;
      }
      for (let b = 0; b < LATENCY_BUCKETS; b++) {
        latencies[b] = (latencies[b] ?? 0) + (this.latencies[i * LATENCY_BUCKETS + b] ?? 0);
      }
    }
    const begin = (last - count + 1) * this.spanMs;
    return sumsOf(begin, (count * this.spanMs) / 1000, sums, latencies);
  }
}

function sumsOf(
  begin: number,
  seconds: number,
  sums: Float64Array,
  latencies: Float64Array,
): TrafficSums {
  const of = (name: Field) => sums[AT[name]] ?? 0;
  const answered = of('answered');
  const mean = (name: Field) => of(name) / answered;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentileOf(latencies, share));
  return {
    ...{ begin, seconds, requests: of('requests'), answered, errors: of('errors') },
    ...{ overloaded: of('overloaded'), refused: of('refused'), cancelled: of('cancelled') },
    ...{ texts: of('texts'), tokens: of('tokens'), truncated: of('truncated') },
    meanMs:
      answered === 0
        ? null
        : {
            total: mean('totalMs'),
            tokenize: mean('tokenizeMs'),
            queue: mean('queueMs'),
            inference: mean('inferenceMs'),
          },
    ...{ p50: p50 ?? null, p95: p95 ?? null, p99: p99 ?? null },
    queuedMost: of('queuedMost'),
    laneUse: of('samples') === 0 ? null : of('laneUse') / of('samples'),
  };
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const SECONDS = 120;
const MINUTES = 180;

/** The traffic of a server or of one model. `now` is always in milliseconds since 1970 and does not go back. */
export class Traffic {
  private readonly seconds = new Ring(SECOND_MS, SECONDS);
  private readonly minutes = new Ring(MINUTE_MS, MINUTES);

  add(request: FinishedRequest, now: number): void {
    for (const ring of [this.seconds, this.minutes]) addTo(ring.slot(now), request);
  }

  /** Adds what was seen at a look: texts that wait, and the share of time that lanes computed since the last look. */
  sample(now: number, queued: number, laneUse: number): void {
    for (const ring of [this.seconds, this.minutes]) {
      const { sums } = ring.slot(now);
      sums[AT.queuedMost] = Math.max(sums[AT.queuedMost] ?? 0, queued);
      sums[AT.laneUse] = (sums[AT.laneUse] ?? 0) + laneUse;
      sums[AT.samples] = (sums[AT.samples] ?? 0) + 1;
    }
  }

  /** Sums of the last `count` whole seconds before `now`, at most 119. */
  last(now: number, count: number): TrafficSums {
    const second = Math.floor(now / SECOND_MS);
    return this.seconds.read(second - 1, Math.min(count, SECONDS - 1));
  }

  /** Sums of each of the last `count` minutes, at most 180, the running one last. */
  perMinute(now: number, count: number): readonly TrafficSums[] {
    const minute = Math.floor(now / MINUTE_MS);
    const wanted = Math.min(count, MINUTES);
    return Array.from({ length: wanted }, (_, i) => this.minutes.read(minute - wanted + 1 + i, 1));
  }
}

function addTo(
  { sums, latencies }: { sums: Float64Array; latencies: Uint32Array },
  { outcome, totalMs, facts }: FinishedRequest,
): void {
  const add = (name: Field, by: number) => {
    sums[AT[name]] = (sums[AT[name]] ?? 0) + by;
  };
  add('requests', 1);
  if (outcome === 'overloaded') add('overloaded', 1);
  if (outcome === 'cancelled') add('cancelled', 1);
  else if (SERVER_ERRORS.has(outcome)) add('errors', 1);
  else if (outcome !== 'ok') add('refused', 1);
  if (outcome !== 'ok') return;
  add('answered', 1);
  add('totalMs', totalMs);
  const bucket = latencyBucket(totalMs);
  latencies[bucket] = (latencies[bucket] ?? 0) + 1;
  if (facts === null) return;
  add('texts', facts.texts);
  add('tokens', facts.tokens);
  add('truncated', facts.truncated);
  add('tokenizeMs', facts.tokenizeMs);
  add('queueMs', facts.queueMs);
  add('inferenceMs', facts.inferenceMs);
}
