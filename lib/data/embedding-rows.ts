/**
 * Rows of several texts, to train an encoder on: an anchor with texts that belong to it and others that don't, two sentences
 * with a score or label, or a text with a class.
 *
 * The rule: columns are known by their names, or named by the caller; columns with other names are not read.
 */
import {
  type ColumnChoice,
  columnProblem,
  givenColumn,
  guessColumn,
  type Maker,
  PAIR_NAMES,
  textIn,
} from './columns.js';
import { LabelReader } from './label-reader.js';
import type { LabelVariants } from './label-variants.js';
import { dataProblem, listNames } from './problem.js';
import type { ChosenColumn, FileRow, RawRecord } from './types.js';

/** A row in the form that `Encoder.train` and `Encoder.evaluate` take, with its place. */
export type EmbeddingFileRow = Pick<FileRow, 'file' | 'line'> &
  (
    | {
        readonly anchor: string;
        readonly positive: string;
        readonly negatives?: readonly string[];
        readonly score?: number | readonly number[];
      }
    | { readonly sentence1: string; readonly sentence2: string; readonly score: number }
    | { readonly sentence1: string; readonly sentence2: string; readonly label: number | string }
    | { readonly text: string; readonly label: string }
  );

/** Names of an anchor and of its positive. */
const RANKING_NAMES: readonly (readonly [string, string])[] = [
  ['anchor', 'positive'],
  ['query', 'positive'],
  ['query', 'answer'],
  ['question', 'answer'],
];
const NEGATIVES = /^negatives?(?:_\d+)?$/i;
const TEXT_NAMES = ['text', 'sentence', 'content'];
const SCORE_NAMES = ['score', 'similarity_score', 'scores', 'value'];
const LABEL_NAMES = ['label', 'labels'];

/** The columns of a file, by what they hold. */
interface Columns {
  readonly form: 'ranking' | 'pairs' | 'class-pairs' | 'classes';
  readonly texts: readonly ChosenColumn[];
  readonly negatives: readonly string[];
  readonly number: ChosenColumn | undefined;
}

/** Makes rows of several texts. */
export class EmbeddingRowMaker implements Maker<EmbeddingFileRow> {
  readonly columns: readonly string[];
  private readonly file: string;
  private readonly chosen: Columns;
  private readonly labels: LabelReader;

  constructor(choice: ColumnChoice, first: RawRecord) {
    const { file, options } = choice;
    this.file = file;
    this.chosen = chooseColumns(choice, first);
    const { form, texts, negatives, number } = this.chosen;
    const [text, pair] = texts;
    if (text !== undefined) {
      options.onColumns?.({ file, text, ...(pair && { pair }), ...(number && { label: number }) });
    }
    this.columns = [
      ...texts.map(({ name }) => name),
      ...negatives,
      ...(number ? [number.name] : []),
    ];
    const isClass = form === 'classes' || form === 'class-pairs';
    const names = number && isClass ? choice.classNames(number.name) : undefined;
    this.labels = new LabelReader(file, {
      meaning: isClass ? 'classes' : 'numbers',
      names: options.labelNames ?? names,
    });
  }

  row(record: RawRecord): EmbeddingFileRow {
    const { file } = this;
    const { form, texts, negatives, number } = this.chosen;
    const { line } = record;
    const [first = '', second = ''] = texts.map(({ name }) => textIn(file, record, name));
    if (form === 'classes') return { text: first, label: this.label(record), file, line };
    if (form === 'ranking') {
      const others = negatives.flatMap((name) => this.negativesIn(record, name));
      return {
        anchor: first,
        positive: second,
        ...(negatives.length > 0 && { negatives: others }),
        ...(number && { score: this.margins(record, number.name) }),
        file,
        line,
      };
    }
    const both = { sentence1: first, sentence2: second };
    if (form === 'class-pairs') return { ...both, label: this.label(record), file, line };
    const value = Number(this.label(record));
    const isLabel = LABEL_NAMES.includes(number?.name.toLowerCase() ?? '');
    const scored = isLabel ? { label: value } : { score: value };
    return { ...both, ...scored, file, line };
  }

  variants(): LabelVariants[] {
    return this.labels.variants();
  }

  private label(record: RawRecord): string {
    const column = this.chosen.number?.name ?? '';
    const value = record.get(column);
    const source = () => record.source(column);
    const label = this.labels.read(value, { line: record.line, column, source });
    if (label !== undefined) return label;
    const what = typeof value === 'string' ? 'is empty' : 'is missing';
    throw columnProblem(this.file, record, column, what);
  }

  /** One margin, or a list of margins or scores. */
  private margins(record: RawRecord, column: string): number | readonly number[] {
    const value = record.get(column);
    if (!Array.isArray(value)) return Number(this.label(record));
    const numbers = value.map(Number);
    if (numbers.every(Number.isFinite)) return numbers;
    throw columnProblem(this.file, record, column, 'is not a list of numbers');
  }

  private negativesIn(record: RawRecord, column: string): readonly string[] {
    const value = record.get(column);
    if (!Array.isArray(value)) return [textIn(this.file, record, column)];
    const texts = value.filter((text) => typeof text === 'string' && text.trim() !== '');
    if (texts.length === value.length) return texts;
    throw columnProblem(this.file, record, column, 'is not a list of texts');
  }
}

function chooseColumns(choice: ColumnChoice, first: RawRecord): Columns {
  const { file, named, options } = choice;
  const { names, line } = first;
  const negatives = named ? names.filter((name) => NEGATIVES.test(name)) : [];
  const texts = textColumns(choice, first);
  const [text, pair] = texts?.columns ?? [];
  if (texts === undefined || text === undefined) {
    const what = 'which columns are the texts? name them with `textColumn` and `pairColumn`';
    throw dataProblem(file, `${what}: found ${listNames(names)}`, { line });
  }
  const number = numberColumn(choice, first, pair === undefined);
  if (pair === undefined) {
    if (number !== undefined) return { form: 'classes', texts: [text], negatives: [], number };
    const what = 'the rows have one text and no label; name a second text with `pairColumn`, or a';
    throw dataProblem(file, `${what} label with \`labelColumn\`: found ${listNames(names)}`, {
      line,
    });
  }
  if (texts.isRanking && options.labelColumn === undefined) {
    const score = guessColumn(SCORE_NAMES, negatives.length > 0 ? names : []);
    const margin = score === undefined ? undefined : { name: score, guessed: true };
    return { form: 'ranking', texts: [text, pair], negatives, number: margin };
  }
  if (number !== undefined && negatives.length === 0) {
    const form = isClassColumn(choice, first, number.name) ? 'class-pairs' : 'pairs';
    return { form, texts: [text, pair], negatives: [], number };
  }
  return { form: 'ranking', texts: [text, pair], negatives, number };
}

/** Whether the labels of pairs are names of classes, which the first row shows. */
function isClassColumn({ options }: ColumnChoice, first: RawRecord, name: string): boolean {
  if (!LABEL_NAMES.includes(name.toLowerCase())) return false;
  const value = first.get(name);
  const isText = typeof value === 'string' && value.trim() !== '';
  return options.labelNames !== undefined || (isText && Number.isNaN(Number(value)));
}

function textColumns(
  choice: ColumnChoice,
  first: RawRecord,
): { readonly columns: readonly ChosenColumn[]; readonly isRanking: boolean } | undefined {
  const { named, options } = choice;
  const { names } = first;
  const { textColumn, pairColumn } = options;
  if (textColumn !== undefined) {
    const refs = pairColumn === undefined ? [textColumn] : [textColumn, pairColumn];
    const columns = refs.map((ref, i) => {
      const name = givenColumn(choice, i === 0 ? 'text' : 'pair', ref, first);
      return { name, guessed: false };
    });
    return { columns, isRanking: false };
  }
  if (!named) return undefined;
  const both = (pairs: readonly (readonly [string, string])[]) => {
    for (const wanted of pairs) {
      const found = wanted.map((name) => guessColumn([name], names));
      const columns = found.flatMap((name) =>
        name === undefined ? [] : [{ name, guessed: true }],
      );
      if (columns.length === 2) return columns;
    }
    return undefined;
  };
  const ranking = both(RANKING_NAMES);
  if (ranking !== undefined) return { columns: ranking, isRanking: true };
  const pair = both(PAIR_NAMES);
  if (pair !== undefined) return { columns: pair, isRanking: false };
  const text = guessColumn(TEXT_NAMES, names);
  return text === undefined
    ? undefined
    : { columns: [{ name: text, guessed: true }], isRanking: false };
}

/** The column of the score or label: that of the caller, else by its name. */
function numberColumn(
  choice: ColumnChoice,
  first: RawRecord,
  isClass: boolean,
): ChosenColumn | undefined {
  const { named, options } = choice;
  if (options.labelColumn !== undefined) {
    return { name: givenColumn(choice, 'label', options.labelColumn, first), guessed: false };
  }
  const wanted = isClass
    ? [...LABEL_NAMES, 'category', 'intent', 'class']
    : [...SCORE_NAMES, ...LABEL_NAMES];
  const name = named ? guessColumn(wanted, first.names) : undefined;
  return name === undefined ? undefined : { name, guessed: true };
}
