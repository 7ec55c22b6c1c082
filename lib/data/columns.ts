/**
 * Which columns hold the text, the pair and the label: named by the caller, or guessed from common names.
 *
 * The rule: a guess is only made by exact name (any case) and is always reported; otherwise it is an error.
 */
import { LabelReader } from './label-reader.js';
import type { LabelVariants } from './label-variants.js';
import { clip, dataProblem, listNames, RowProblem } from './problem.js';
import type {
  ChosenColumn,
  ChosenColumns,
  ColumnRef,
  FileRow,
  RawRecord,
  ReadOptions,
} from './types.js';

const TEXT_NAMES = ['text', 'sentence', 'query', 'content', '文本', '内容', '句子', '评论'];
/** Known pairs of column names: a text and its second text. */
export const PAIR_NAMES: readonly (readonly [string, string])[] = [
  ['sentence1', 'sentence2'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
  ['text_a', 'text_b'],
  ['text', 'pair'],
];
const LONE_SURROGATE = /\p{Surrogate}/u;
const LABEL_NAMES = ['label', 'category', 'intent', 'class', '标签', '类别', '分类'];
/** Names of label columns that hold numbers. */
const NUMBER_NAMES = [...LABEL_NAMES, 'score', 'similarity_score', 'value'];

export interface ColumnChoice {
  readonly file: string;
  /** Whether columns have names of their own: from a header line, or JSON keys. */
  readonly named: boolean;
  readonly options: ReadOptions;
  /** Class names of a column whose labels are numbers, if the file has them. */
  classNames(column: string): readonly string[] | undefined;
}

/** Makes rows of one kind from records. */
export interface Maker<Row> {
  /** Names of the columns that are read of each record. */
  readonly columns: readonly string[];
  /** The row; throws RowProblem for a record that makes none. */
  row(record: RawRecord): Row;
  /** Spelling variants among the labels of all rows so far. */
  variants(): LabelVariants[];
}

const show = (column: ColumnRef): string =>
  typeof column === 'number' ? String(column) : JSON.stringify(clip(column));

function found(names: readonly string[]): string {
  return names.length === 0 ? 'there are none' : `found ${listNames(names)}`;
}

/** The column that the caller named. INVALID_DATA lists the columns of the file. */
export function givenColumn(
  { file, named }: Pick<ColumnChoice, 'file' | 'named'>,
  role: string,
  column: ColumnRef,
  { names, line }: Pick<RawRecord, 'names' | 'line'>,
): string {
  const name = typeof column === 'number' ? names[column - 1] : column;
  if (name !== undefined && names.includes(name)) return name;
  const what = named ? found(names) : `the file has ${names.length} columns and no header`;
  throw dataProblem(file, `no ${role} column ${show(column)}: ${what}`, { line, column });
}

/** The first name of `wanted` that the file has, in any case. */
export function guessColumn(
  wanted: readonly string[],
  names: readonly string[],
): string | undefined {
  for (const want of wanted) {
    const name = names.find((candidate) => candidate.toLowerCase() === want);
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Without column names a single column is the text, and two are text and label; for more the caller must say. */
function guessByPosition(role: 'text' | 'label', names: readonly string[]): string | undefined {
  return names.length <= 2 ? names[role === 'text' ? 0 : 1] : undefined;
}

/**
 * The error for a column that the caller didn't name and that cannot be guessed. Its `details.unknownColumn` is the role of the
 * column.
 */
export function unknownColumn(
  file: string,
  role: 'text' | 'label',
  { names, line }: Pick<RawRecord, 'names' | 'line'>,
): Error {
  const option = role === 'text' ? 'textColumn' : 'labelColumn';
  const what = `which column is the ${role}? name it with \`${option}\`: ${found(names)}`;
  return dataProblem(file, what, { line, unknownColumn: role });
}

/** Chooses the columns from the names of the first record. INVALID_DATA lists what was found. */
export function chooseColumns(choice: ColumnChoice, first: RawRecord): ChosenColumns {
  const { file, named, options } = choice;
  const { names } = first;
  const pick = (role: 'text' | 'label', column: ColumnRef | undefined) => {
    if (column !== undefined) {
      return { name: givenColumn(choice, role, column, first), guessed: false };
    }
    const labels = options.labels === 'numbers' ? NUMBER_NAMES : LABEL_NAMES;
    const name = named
      ? guessColumn(role === 'text' ? TEXT_NAMES : labels, names)
      : guessByPosition(role, names);
    return name === undefined ? undefined : { name, guessed: true };
  };
  const pairs = named ? guessPair(options, names) : undefined;
  const text = pick('text', options.textColumn) ?? pairs?.text;
  if (text === undefined) throw unknownColumn(file, 'text', first);
  const label = options.labels === 'none' ? undefined : pick('label', options.labelColumn);
  if (label === undefined && options.requireLabel) throw unknownColumn(file, 'label', first);
  const pair =
    options.pairColumn === undefined
      ? pairs?.text.name === text.name
        ? pairs.pair
        : undefined
      : { name: givenColumn(choice, 'pair', options.pairColumn, first), guessed: false };
  // A guess never takes a column that already has another role.
  const freeLabel =
    label?.guessed && [text.name, pair?.name].includes(label.name) ? undefined : label;
  return { file, text, ...(pair && { pair }), ...(freeLabel && { label: freeLabel }) };
}

/** Guesses the columns of a pair, or a single text column. */
function guessPair(
  { textColumn, pairColumn }: ReadOptions,
  names: readonly string[],
): { readonly text: ChosenColumn; readonly pair?: ChosenColumn } | undefined {
  if (textColumn !== undefined) return undefined;
  for (const [first, second] of PAIR_NAMES) {
    const text = guessColumn([first], names);
    if (text === undefined) continue;
    const pair = pairColumn === undefined ? guessColumn([second], names) : undefined;
    return {
      text: { name: text, guessed: true },
      ...(pair !== undefined && { pair: { name: pair, guessed: true } }),
    };
  }
  return undefined;
}

/** Makes rows of a text, a pair and a label; holds what is the same for every row of a file. */
export class RowMaker implements Maker<FileRow> {
  readonly columns: readonly string[];
  private readonly chosen: ChosenColumns;
  private readonly requireLabel: boolean;
  private readonly labels: LabelReader;

  constructor(choice: ColumnChoice, first: RawRecord) {
    const { file, options } = choice;
    const chosen = chooseColumns(choice, first);
    options.onColumns?.(chosen);
    const { text, pair, label } = chosen;
    this.chosen = chosen;
    this.columns = [text, pair, label].flatMap((column) => (column ? [column.name] : []));
    this.requireLabel = options.requireLabel ?? options.labelColumn !== undefined;
    this.labels = new LabelReader(file, {
      meaning: options.labels === 'numbers' ? 'numbers' : 'classes',
      names: options.labelNames ?? (label && choice.classNames(label.name)),
    });
  }

  /** The row of a record. RowProblem where the text is empty or not a text, or where a required label is missing. */
  row(record: RawRecord): FileRow {
    const { file, text: textColumn, pair: pairColumn, label: labelColumn } = this.chosen;
    const { line } = record;
    const text = textIn(file, record, textColumn.name);
    const pair = pairColumn && textIn(file, record, pairColumn.name);
    // The label is read last, so that labels of refused rows are not counted.
    const label = labelColumn && this.label(record, labelColumn.name);
    // Fields are assigned, because spreading would take most of the time of a row.
    if (pair === undefined) {
      return label === undefined ? { text, file, line } : { text, label, file, line };
    }
    return label === undefined ? { text, pair, file, line } : { text, pair, label, file, line };
  }

  variants(): LabelVariants[] {
    return this.labels.variants();
  }

  private label(record: RawRecord, column: string): string | undefined {
    const value = record.get(column);
    const source = () => record.source(column);
    const label = this.labels.read(value, { line: record.line, column, source });
    if (label !== undefined || !this.requireLabel) return label;
    const what = typeof value === 'string' ? 'is empty' : 'is missing';
    throw columnProblem(this.chosen.file, record, column, what);
  }
}

/** The error for a row with a bad value in one column. */
export function columnProblem(
  file: string,
  { line }: Pick<RawRecord, 'line'>,
  column: string,
  what: string,
  kind: string = what,
): RowProblem {
  const name = `column ${JSON.stringify(clip(column))}`;
  return new RowProblem(file, `${name} ${what}`, { line, column }, `${name} ${kind}`);
}

/** The text in a column. RowProblem where there is none. */
export function textIn(file: string, record: RawRecord, column: string): string {
  const value = record.get(column);
  const problem = (what: string) => columnProblem(file, record, column, what);
  if (value === undefined) throw problem('is missing');
  if (typeof value !== 'string') throw problem('is not a string');
  if (value.trim() === '') throw problem('is empty');
  // JSON can spell half a surrogate pair, which no UTF-8 text can hold.
  if (LONE_SURROGATE.test(value)) throw problem('holds half a surrogate pair');
  return value;
}
