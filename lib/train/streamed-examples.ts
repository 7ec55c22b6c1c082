/**
 * Examples that are read and tokenized while a training takes its steps: a shuffle buffer of rows, and the tokens of one batch.
 *
 * Which rows are in a batch follows from the rows, the seed and the size of the buffer alone, so a resumed training skips to
 * its place by reading the rows of the epoch again, without tokenizing them.
 */

import { createHash } from 'node:crypto';
import { rangeMistake, throwIfAborted } from '../core/errors.js';
import { type RandomState, SeededRandom } from '../core/random.js';
import type { RowSampler, SamplerState } from './batches.js';
import type { CollectOptions, RowReader, Rows } from './collect-rows.js';
import type { Examples, LabelledBatch } from './corpus.js';

interface StreamedRow<Checked> {
  readonly index: number;
  readonly row: Checked;
}

export interface StreamRequest extends CollectOptions {
  /** Rows in memory that the next one is drawn from. */
  readonly shuffleBuffer: number;
  /** The rows of a batch as examples of their own. */
  readonly corpusOf: (batch: LabelledBatch) => Examples;
  /** Whether the rows are to be counted before the first step. */
  readonly counts: boolean;
}

export class StreamedExamples<Checked> implements Examples {
  readonly tokenCount = 0;
  /** A digest of the rows; empty where they were not counted. */
  digest = '';
  /** Rows that were cut in the first epoch. */
  truncated = 0;
  private readonly source: Rows<unknown>;
  private readonly reader: RowReader<Checked>;
  private readonly request: StreamRequest;
  private counted: number | undefined;
  private seen = 0;
  private batch: { readonly positions: Map<number, number>; readonly corpus: Examples } | undefined;

  private constructor(source: Rows<unknown>, reader: RowReader<Checked>, request: StreamRequest) {
    this.source = source;
    this.reader = reader;
    this.request = request;
  }

  /** Throws as collectRows does where rows are counted, and RangeError for rows that can be read only once but must be twice. */
  static async open<Checked>(
    source: Rows<unknown>,
    reader: RowReader<Checked>,
    request: StreamRequest,
  ): Promise<StreamedExamples<Checked>> {
    const stream = new StreamedExamples(source, reader, request);
    const { where, name } = request;
    if (request.counts) {
      if (isOnce(source)) {
        const what = 'an iterable that can be read again (repeatedRows), or maxSteps must be given';
        throw rangeMistake(`${where}: ${name}`, what, source);
      }
      await stream.count();
    }
    return stream;
  }

  /** Rows of an epoch; where they were not counted, those that were read so far. */
  get size(): number {
    return this.counted ?? this.seen;
  }

  lengthOf(): number {
    return 0;
  }

  gather(indices: readonly number[]): LabelledBatch {
    const { positions, corpus } = this.batch ?? { positions: new Map<number, number>() };
    const own = indices.map((index) => positions.get(index) ?? Number.NaN);
    if (corpus === undefined || own.some(Number.isNaN))
      throw new RangeError('rows of another batch than the last one are gone');
    return corpus.gather(own);
  }

  sampler(batchSize: number, shuffle: boolean): RowSampler {
    const total = this.counted;
    const count = total === undefined ? undefined : Math.ceil(total / batchSize);
    return new StreamSampler(this, {
      batchSize,
      count,
      buffer: shuffle ? this.request.shuffleBuffer : 1,
    });
  }

  /** The rows from the first one on, checked. */
  async *pass(): AsyncGenerator<StreamedRow<Checked>> {
    const { where, name, signal } = this.request;
    let index = 0;
    for await (const row of this.source) {
      throwIfAborted(signal, where);
      yield { index, row: this.reader.parse(`${where}: ${name}[${index}]`, row) };
      index++;
      this.seen = Math.max(this.seen, index);
    }
    if (index > 0) return;
    const what =
      this.seen === 0
        ? 'must have at least one row, got none'
        : `gave ${this.seen} rows once and cannot be read again: use repeatedRows`;
    throw new RangeError(`${where}: ${name} ${what}`);
  }

  /** Tokenizes the rows of a batch, which `gather` then gives. */
  async take(rows: readonly StreamedRow<Checked>[], countsCuts: boolean): Promise<void> {
    const { where, signal } = this.request;
    const cancel = { where, signal };
    const parsed = rows.map(({ row }) => row);
    const encoded = await this.reader.encode(parsed, 0, cancel).catch(async (error) => {
      // The message about a row names its place in the stream.
      for (const { index, row } of rows) await this.reader.encode([row], index, cancel);
      throw error;
    });
    if (countsCuts) this.truncated += encoded.truncated;
    const positions = new Map(rows.map(({ index }, i) => [index, i]));
    this.batch = { positions, corpus: this.request.corpusOf(encoded.batch) };
  }

  private async count(): Promise<void> {
    const hash = createHash('sha256');
    let count = 0;
    for await (const { row } of this.pass()) {
      hash.update(`${JSON.stringify(row)}\n`);
      count++;
    }
    this.counted = count;
    this.digest = hash.digest('hex');
  }
}

/** Whether the rows are a generator or another iterator, which ends for good. */
function isOnce(rows: Rows<unknown>): boolean {
  if (Symbol.asyncIterator in rows) return (rows[Symbol.asyncIterator]() as unknown) === rows;
  return (rows[Symbol.iterator]() as unknown) === rows;
}

interface StreamOrder {
  readonly batchSize: number;
  /** Batches of an epoch; undefined where rows were not counted. */
  readonly count: number | undefined;
  /** Rows to draw the next one from. */
  readonly buffer: number;
}

/** Draws batches from a buffer that is filled from the stream. */
class StreamSampler<Checked> implements RowSampler {
  readonly batchCount: number | undefined;
  private readonly examples: StreamedExamples<Checked>;
  private readonly plan: StreamOrder;
  private order: RandomState = [0, 0, 0, 0];
  private random = new SeededRandom(0);
  private rows: AsyncGenerator<StreamedRow<Checked>> | undefined;
  private isAtEnd = false;
  private buffer: StreamedRow<Checked>[] = [];
  private position = 0;
  private epochs = 0;
  private current: readonly number[] = [];

  constructor(examples: StreamedExamples<Checked>, plan: StreamOrder) {
    this.examples = examples;
    this.plan = plan;
    this.batchCount = plan.count;
  }

  begin(random: SeededRandom): void {
    this.order = random.state;
    // The rows are drawn over the whole epoch, so they have a generator of their own.
    this.random = new SeededRandom(random.next());
    this.rows = this.examples.pass();
    this.isAtEnd = false;
    this.buffer = [];
    this.position = 0;
    this.epochs++;
  }

  async next(): Promise<readonly number[] | undefined> {
    const batch = await this.draw();
    if (batch.length === 0) return undefined;
    this.position++;
    await this.examples.take(batch, this.epochs === 1);
    this.current = batch.map(({ index }) => index);
    return this.current;
  }

  get last(): readonly number[] {
    return this.current;
  }

  get share(): number {
    return this.batchCount === undefined ? 0 : this.position / this.batchCount;
  }

  get state(): SamplerState {
    return { order: this.order, batch: this.position };
  }

  /** Reads the rows of the epoch up to the place, and draws as before. */
  async restore({ order, batch }: SamplerState): Promise<void> {
    this.begin(SeededRandom.from(order));
    let last: readonly StreamedRow<Checked>[] = [];
    for (; this.position < batch; this.position++) last = await this.draw();
    if (last.length === 0) return;
    // The last batch is looked at once more where an epoch ends here.
    await this.examples.take(last, false);
    this.current = last.map(({ index }) => index);
  }

  async close(): Promise<void> {
    await this.rows?.return(undefined);
  }

  private async draw(): Promise<StreamedRow<Checked>[]> {
    const batch: StreamedRow<Checked>[] = [];
    while (batch.length < this.plan.batchSize) {
      while (!this.isAtEnd && this.buffer.length < this.plan.buffer) await this.read();
      if (this.buffer.length === 0) break;
      const at = this.plan.buffer === 1 ? 0 : this.random.below(this.buffer.length);
      const row = this.buffer[at] as StreamedRow<Checked>;
      const end = this.buffer.pop() as StreamedRow<Checked>;
      if (at < this.buffer.length) this.buffer[at] = end;
      batch.push(row);
    }
    return batch;
  }

  private async read(): Promise<void> {
    const next = await this.rows?.next();
    if (next === undefined || next.done === true) this.isAtEnd = true;
    else this.buffer.push(next.value);
  }
}
