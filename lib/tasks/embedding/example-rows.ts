/**
 * Reads rows of several texts into examples. The first row decides the shape of all.
 */

import { SinterError } from '../../core/errors.js';
import type { EncoderGraph } from '../../graph/types.js';
import { trimSegments } from '../../runtime/forward.js';
import type { TextTokenizer } from '../../tokenize/text-tokenizer.js';
import {
  type CollectOptions,
  collectRows,
  type RowReader,
  type Rows,
} from '../../train/collect-rows.js';
import { ExampleCorpus, type ExampleTargets } from '../../train/example-corpus.js';
import { describeShape, type ExampleRow, parseEmbeddingRow } from './embedding-rows.js';

/** Examples with what their rows were. */
export interface ExampleSet {
  readonly corpus: ExampleCorpus;
  /** Rows with a text that was truncated. */
  readonly truncated: number;
  /** The first row, which all others are like. */
  readonly first: ExampleRow;
  /** For each text of `corpus.texts` a number, equal for equal texts. */
  readonly textNumbers: Int32Array;
  /** Different classes of the rows; 0 where they have none. */
  readonly classes: number;
}

export interface ExampleOptions extends CollectOptions {
  readonly maxTokens: number;
  /** Is put in front of every text. */
  readonly prompt: string;
  /** Called with each row and its name. Throws for a row that cannot be used. */
  readonly check: (at: string, row: ExampleRow) => void;
  /** Whether the labels of pairs are classes, though they are numbers. Is asked for each row after its check. */
  readonly byClass?: () => boolean;
  /** Whether no batch of the examples may hold a text twice; asked after the last row. */
  readonly noDuplicates: () => boolean;
}

/** Reads all rows. Throws TypeError or RangeError naming a row that is unlike the first. */
export async function collectExamples(
  rows: Rows<unknown>,
  from: { readonly tokenizer: TextTokenizer; readonly graph: EncoderGraph },
  options: ExampleOptions,
): Promise<ExampleSet> {
  const reader = new ExampleReader(from, options);
  const { corpus: texts, truncated } = await collectRows(rows, reader, options);
  const { first } = reader;
  if (first === undefined) throw new SinterError('INTERNAL', 'there is no row');
  const textNumbers = Int32Array.from(reader.textNumbers);
  const known = options.noDuplicates() ? textNumbers : undefined;
  const corpus = new ExampleCorpus(texts, first.texts.length, reader.targets(), known);
  return { corpus, truncated, first, textNumbers, classes: reader.classes };
}

class ExampleReader implements RowReader<ExampleRow> {
  first: ExampleRow | undefined;
  readonly textNumbers: number[] = [];
  private readonly numbers: number[] = [];
  private readonly textsSeen = new Map<string, number>();
  private readonly groupsSeen = new Map<string, number>();

  constructor(
    private readonly from: { readonly tokenizer: TextTokenizer; readonly graph: EncoderGraph },
    private readonly options: ExampleOptions,
  ) {}

  parse(at: string, value: unknown): ExampleRow {
    const row = parseEmbeddingRow(at, value);
    this.first ??= row;
    const [wanted, got] = [describeShape(this.first), describeShape(row)];
    if (wanted !== got) {
      throw new TypeError(`${at} must be a row of ${wanted} as the first one is, got ${got}`);
    }
    this.options.check(at, row);
    const { shape, numbers } = row;
    const group = this.options.byClass?.() ? (row.group ?? String(numbers[0])) : row.group;
    if (shape === 'ranking') this.numbers.push(0);
    else if (group === null) this.numbers.push(...numbers);
    else this.numbers.push(numberOf(this.groupsSeen, group));
    for (const text of row.texts) this.textNumbers.push(numberOf(this.textsSeen, text));
    return row;
  }

  async encode(
    rows: readonly ExampleRow[],
    firstIndex: number,
    cancel: { readonly where?: string; readonly signal?: AbortSignal | undefined },
  ) {
    const { tokenizer, graph } = this.from;
    const { maxTokens, prompt, name } = this.options;
    const texts = rows.flatMap((row) => row.texts.map((text) => prompt + text));
    const columns = this.first?.texts.length ?? 1;
    const nameOf = (i: number) => `${name}[${firstIndex + Math.floor(i / columns)}]`;
    const encoded = await tokenizer.encode(texts, { maxTokens, nameOf, ...cancel });
    const targets = { unit: 'text', width: 0, values: new Int32Array() } as const;
    const truncated = rows.filter((_, row) =>
      encoded.cut.subarray(row * columns, (row + 1) * columns).includes(1),
    ).length;
    return { batch: { tokens: trimSegments(graph, encoded), targets }, truncated };
  }

  get classes(): number {
    return this.groupsSeen.size;
  }

  targets(): ExampleTargets {
    const { first, numbers } = this;
    const isInteger = first?.shape === 'ranking' || this.classes > 0;
    const values = isInteger ? Int32Array.from(numbers) : Float32Array.from(numbers);
    return { width: Math.max(1, first?.numbers.length ?? 1), values };
  }
}

/** The number of `key`, a new one for a new key. */
function numberOf(seen: Map<string, number>, key: string): number {
  const found = seen.get(key);
  if (found !== undefined) return found;
  seen.set(key, seen.size);
  return seen.size - 1;
}
