/**
 * Which columns hold the text, the pair and the label: named by the caller, or guessed from common names.
 *
 * The rule: a guess is only made by exact name (any case) and is always reported; otherwise it is an error.
 */
import { LabelReader } from './label-reader.js';
import type { LabelVariants } from './label-variants.js';
import { clip, dataProblem, listNames } from './problem.js';
import type {
  ChosenColumn,
  ChosenColumns,
  ColumnRef,
  FileRow,
  RawRecord,
  ReadOptions,
} from './types.js';

const TEXT_NAMES = ['text', 'sentence', 'query', 'content'];
const LONE_SURROGATE = /\p{Surrogate}/u;
const LABEL_NAMES = ['label', 'category', 'intent', 'class'];

export interface ColumnChoice {
  readonly file: string;
  /** Columns have names of their own: a header line, or JSON keys. */
  readonly named: boolean;
  readonly options: ReadOptions;
}

const show = (column: ColumnRef): string =>
  typeof column === 'number' ? String(column) : JSON.stringify(clip(column));

function found(names: readonly string[]): string {
  if (names.length === 0) return 'there are none';
  const [only] = names;
  const separated = names.length === 1 && only !== undefined && /[;\t|]/.exec(only);
  const hint = separated ? ` (is the delimiter ${JSON.stringify(separated[0])}?)` : '';
  return `found ${listNames(names)}${hint}`;
}

function givenColumn(
  { file, named }: ColumnChoice,
  role: string,
  column: ColumnRef,
  names: readonly string[],
  line: number,
): ChosenColumn {
  const name = typeof column === 'number' ? names[column - 1] : column;
  if (name !== undefined && names.includes(name)) return { name, guessed: false };
  const what = named ? found(names) : `the file has ${names.length} columns and no header`;
  throw dataProblem(file, `no ${role} column ${show(column)}: ${what}`, { line, column });
}

function guessColumn(
  wanted: readonly string[],
  names: readonly string[],
): ChosenColumn | undefined {
  for (const want of wanted) {
    const name = names.find((candidate) => candidate.toLowerCase() === want);
    if (name !== undefined) return { name, guessed: true };
  }
  return undefined;
}

/** Without names, one column is the text, and two are text and label; more must be told. */
function guessByPosition(
  role: 'text' | 'label',
  names: readonly string[],
): ChosenColumn | undefined {
  const name = role === 'text' ? names[0] : names[1];
  return name !== undefined && names.length <= 2 ? { name, guessed: true } : undefined;
}

/** Chooses the columns from the names of the first record. INVALID_DATA lists what was found. */
export function chooseColumns(choice: ColumnChoice, first: RawRecord): ChosenColumns {
  const { file, named, options } = choice;
  const { line, names } = first;
  const pick = (role: 'text' | 'label', column: ColumnRef | undefined) => {
    if (column !== undefined) return givenColumn(choice, role, column, names, line);
    if (!named) return guessByPosition(role, names);
    return guessColumn(role === 'text' ? TEXT_NAMES : LABEL_NAMES, names);
  };
  const text = pick('text', options.textColumn);
  if (text === undefined) {
    throw dataProblem(file, `which column is the text? name it: ${found(names)}`, { line });
  }
  const label = options.labels === 'none' ? undefined : pick('label', options.labelColumn);
  if (label === undefined && options.requireLabel) {
    throw dataProblem(file, `which column is the label? name it: ${found(names)}`, { line });
  }
  const pair =
    options.pairColumn === undefined
      ? undefined
      : givenColumn(choice, 'pair', options.pairColumn, names, line);
  // A guess never takes a column that already has another role.
  const freeLabel =
    label?.guessed && [text.name, pair?.name].includes(label.name) ? undefined : label;
  return { file, text, ...(pair && { pair }), ...(freeLabel && { label: freeLabel }) };
}

/** Makes rows of records; holds what is the same for every row of a file. */
export class RowMaker {
  private readonly requireLabel: boolean;
  private readonly labels: LabelReader;

  constructor(
    private readonly columns: ChosenColumns,
    options: ReadOptions,
  ) {
    this.requireLabel = options.requireLabel ?? options.labelColumn !== undefined;
    this.labels = new LabelReader(
      columns.file,
      options.labels === 'numbers' ? 'numbers' : 'classes',
    );
  }

  /** INVALID_DATA where a text is empty or no text, or a label is missing that must be there. */
  row(record: RawRecord): FileRow {
    const { file, text, pair, label } = this.columns;
    const { line } = record;
    const value = label && this.label(record, label.name);
    return {
      text: this.text(record, text.name),
      ...(pair && { pair: this.text(record, pair.name) }),
      ...(value !== undefined && { label: value }),
      file,
      line,
    };
  }

  /** Of the labels of all rows so far. */
  variants(): LabelVariants[] {
    return this.labels.variants();
  }

  private problem(record: RawRecord, column: string, what: string): Error {
    const message = `column ${JSON.stringify(clip(column))} ${what}`;
    return dataProblem(this.columns.file, message, { line: record.line, column });
  }

  private text(record: RawRecord, column: string): string {
    const value = record.get(column);
    if (value === undefined) throw this.problem(record, column, 'is missing');
    if (typeof value !== 'string') throw this.problem(record, column, 'is not a string');
    if (value.trim() === '') throw this.problem(record, column, 'is empty');
    // JSON can spell half a surrogate pair, which no UTF-8 text can hold.
    if (LONE_SURROGATE.test(value))
      throw this.problem(record, column, 'holds half a surrogate pair');
    return value;
  }

  private label(record: RawRecord, column: string): string | undefined {
    const value = record.get(column);
    const source = () => record.source(column);
    const label = this.labels.read(value, { line: record.line, column, source });
    if (label !== undefined || !this.requireLabel) return label;
    throw this.problem(record, column, typeof value === 'string' ? 'is empty' : 'is missing');
  }
}
