/**
 * Reads rows of several texts into examples. The first row decides the shape of all.
 */

import { rangeMistake, SinterError } from '../../core/errors.js';
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
  /** Whether the rows are pairs with a class each. */
  readonly arePairsOfClasses: boolean;
}

export interface ExampleOptions extends CollectOptions {
  readonly maxTokens: number;
  /** Is put in front of every text. */
  readonly prompt: string;
  /** Called with each row and its name. Throws for a row that cannot be used. */
  readonly check: (at: string, row: ExampleRow) => void;
  /** Whether the label of a pair is a class, though it is a number. Is asked for each row after its check. */
  readonly byClass?: (row: ExampleRow) => boolean;
  /** The numbers of classes by their names; gets those that are new. Default: an empty one. */
  readonly classes?: Map<string, number>;
  /** The classes that a pair may have, with their numbers. Default: any. */
  readonly known?: ReadonlyMap<string, number> | undefined;
  /** Whether no batch of the examples may hold a text twice; asked after the last row. */
  readonly noDuplicates: () => boolean;
}

/** Where the tokens of examples come from. */
export interface ExampleSource {
  readonly tokenizer: TextTokenizer;
  readonly graph: EncoderGraph;
}

/** Reads all rows. Throws TypeError or RangeError naming a row that is unlike the first. */
export async function collectExamples(
  rows: Rows<unknown>,
  from: ExampleSource,
  options: ExampleOptions,
): Promise<ExampleSet> {
  const reader = new ExampleReader(from, options);
  const { corpus: texts, truncated } = await collectRows(rows, reader, options);
  const { first } = reader;
  if (first === undefined) throw new SinterError('INTERNAL', 'there is no row');
  const textNumbers = Int32Array.from(reader.textNumbers);
  const known = options.noDuplicates() ? textNumbers : undefined;
  const targets = reader.targetsOf(reader.numbers);
  const corpus = new ExampleCorpus(texts, first.texts.length, targets, known);
  const arePairsOfClasses = options.byClass?.(first) ?? false;
  return { corpus, truncated, first, textNumbers, arePairsOfClasses };
}

/** A row that is streamed, with its targets. */
export interface StreamedExample {
  readonly row: ExampleRow;
  readonly numbers: readonly number[];
}

/** Reads rows that are streamed: nothing of them stays but the first one and the names of the classes. */
export function streamedExamples(
  from: ExampleSource,
  options: ExampleOptions,
): RowReader<StreamedExample> {
  const reader = new ExampleReader(from, options);
  return {
    parse: (at, value) => reader.read(at, value),
    async encode(examples, firstIndex, cancel) {
      const rows = examples.map(({ row }) => row);
      const { batch, truncated } = await reader.encode(rows, firstIndex, cancel);
      const numbers = examples.flatMap((example) => example.numbers);
      const targets = { unit: 'text', ...reader.targetsOf(numbers) } as const;
      return { batch: { ...batch, targets, columns: rows[0]?.texts.length ?? 1 }, truncated };
    },
  };
}

class ExampleReader implements RowReader<ExampleRow> {
  first: ExampleRow | undefined;
  readonly textNumbers: number[] = [];
  readonly numbers: number[] = [];
  private readonly textsSeen = new Map<string, number>();
  private readonly classes: Map<string, number>;

  constructor(
    private readonly from: ExampleSource,
    private readonly options: ExampleOptions,
  ) {
    this.classes = options.classes ?? new Map();
  }

  /** Checks a row and keeps its numbers. */
  parse(at: string, value: unknown): ExampleRow {
    const { row, numbers } = this.read(at, value);
    this.numbers.push(...numbers);
    for (const text of row.texts) this.textNumbers.push(numberOf(this.textsSeen, text));
    return row;
  }

  /** Checks a row, of which nothing is kept but that it was the first, or the name of its class. */
  read(at: string, value: unknown): StreamedExample {
    const row = parseEmbeddingRow(at, value);
    this.first ??= row;
    const [wanted, got] = [describeShape(this.first), describeShape(row)];
    if (wanted !== got) {
      throw new TypeError(`${at} must be a row of ${wanted} as the first one is, got ${got}`);
    }
    this.options.check(at, row);
    return { row, numbers: this.numbersOf(at, row) };
  }

  private numbersOf(at: string, row: ExampleRow): readonly number[] {
    const { shape, numbers } = row;
    if (shape === 'ranking') return [0];
    const isPair = this.options.byClass?.(row) ?? false;
    const group = isPair ? (row.group ?? String(numbers[0])) : row.group;
    if (group === null) return numbers;
    const { known } = this.options;
    if (!isPair || known === undefined) return [numberOf(this.classes, group)];
    const found = known.get(group);
    if (found !== undefined) return [found];
    const names = [...known.keys()].map((name) => JSON.stringify(name)).join(', ');
    throw rangeMistake(`${at}.label`, `a class of the rows to train on: ${names}`, group);
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

  /** The targets of rows with these numbers. */
  targetsOf(numbers: readonly number[]): ExampleTargets {
    const { first } = this;
    const isClass = first !== undefined && (first.group !== null || this.options.byClass?.(first));
    const isInteger = first?.shape === 'ranking' || isClass === true;
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
