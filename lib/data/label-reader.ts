/**
 * Reads the labels of one column: texts, and JSON numbers and booleans as written in the file.
 *
 * The rule: a label is the exact text of the file, so that 9007199254740993 stays what it is; a file that gives one label as a
 * number and as a text ("1" and 1) is refused, because nobody can tell whether these are one class or two.
 */
import { LabelCounts, type LabelVariants, showLabel } from './label-variants.js';
import { clip, RowProblem } from './problem.js';

type Kind = 'text' | 'number' | 'boolean';

const KIND_NAMES: Readonly<Record<Kind, string>> = {
  text: 'a text',
  number: 'a number',
  boolean: 'a boolean',
};

/** Most labels that are remembered; a column with more does not hold classes. */
const MAX_LABELS = 100_000;
const LONE_SURROGATE = /\p{Surrogate}/u;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/** Place of a label, and its own text in the file, which only JSON numbers need. */
export interface LabelPlace {
  readonly line: number;
  /** Name of the column; for a list of labels with the index in the list. */
  readonly column: string;
  readonly source: () => string | undefined;
}

export interface LabelReaderOptions {
  /** With 'numbers' a label is only checked to be a number. Default: classes. */
  readonly meaning?: 'classes' | 'numbers';
  /** Names of classes that are given as numbers from 0; -1 is no label. */
  readonly names?: readonly string[] | undefined;
}

export class LabelReader {
  private readonly counts = new LabelCounts();
  /** Kind and first line of every label. */
  private readonly kinds = new Map<string, { readonly kind: Kind; readonly line: number }>();
  /** First line of each kind. */
  private readonly firstLines = new Map<Kind, number>();

  private readonly meaning: 'classes' | 'numbers';
  private readonly names: readonly string[] | undefined;

  constructor(
    private readonly file: string,
    { meaning = 'classes', names }: LabelReaderOptions = {},
  ) {
    this.meaning = meaning;
    // Only numbers that stand for classes have names.
    this.names = meaning === 'classes' ? names : undefined;
  }

  /** The label as text; undefined for an empty value. INVALID_DATA for a value that can't be a label. */
  read(value: unknown, place: LabelPlace): string | undefined {
    if (value === undefined || value === null || value === '') return undefined;
    if (this.names !== undefined) return this.named(value, this.names, place);
    const kind = kindOf(value);
    if (kind === null) throw this.problem(place, 'is not a string or number');
    const label = kind === 'number' ? (place.source() ?? String(value)) : String(value);
    if (label.trim() === '') return undefined;
    if (LONE_SURROGATE.test(label)) throw this.problem(place, 'holds half a surrogate pair');
    if (this.meaning === 'numbers') {
      if (DECIMAL.test(label.trim()) && Number.isFinite(Number(label))) return label;
      throw new RowProblem(this.file, 'the label is not a number', placeOf(place));
    }
    this.remember(label, kind, place);
    return label;
  }

  /** Name of a class that is given by its number, or by its name; undefined for -1. */
  private named(value: unknown, names: readonly string[], place: LabelPlace): string | undefined {
    const text = kindOf(value) === null ? '' : String(value).trim();
    const label = /^\d+$/.test(text) ? names[Number(text)] : names.find((name) => name === text);
    if (text === '-1') return undefined;
    if (label === undefined) {
      const what = `is not one of the numbers 0 to ${names.length - 1} of its ${names.length} names`;
      throw this.problem(place, `${what}: ${showLabel(String(value))}`, what);
    }
    this.counts.add(label, place.line);
    return label;
  }

  /** Groups of labels that differ in spelling only; none where there are too many labels to be classes. */
  variants(): LabelVariants[] {
    return this.kinds.size < MAX_LABELS ? this.counts.variants(this.file) : [];
  }

  private remember(label: string, kind: Kind, place: LabelPlace): void {
    const { line } = place;
    if (!this.firstLines.has(kind)) this.firstLines.set(kind, line);
    const known = this.kinds.get(label);
    if (known !== undefined && known.kind !== kind) {
      const first = `${KIND_NAMES[known.kind]} in line ${known.line}`;
      throw this.problem(
        place,
        `gives the label ${showLabel(label)} as ${first} and as ${KIND_NAMES[kind]} in line ${line}; ` +
          'write it one way',
        'gives a label both as a text and as a number',
      );
    }
    if (known === undefined) {
      if (this.kinds.size >= MAX_LABELS) {
        this.checkOneKind(place);
        return;
      }
      this.kinds.set(label, { kind, line });
    }
    this.counts.add(label, line);
  }

  /** Checks labels beyond MAX_LABELS, which are not remembered: all labels must be of one kind. */
  private checkOneKind(place: LabelPlace): void {
    const kinds = [...this.firstLines];
    if (kinds.length < 2) return;
    const shown = kinds.map(([kind, line]) => `${KIND_NAMES[kind]} in line ${line}`).join(', ');
    throw this.problem(
      place,
      `has labels of several kinds (${shown}); write them one way`,
      'has labels of several kinds',
    );
  }

  private problem(place: LabelPlace, what: string, kind = what): Error {
    const column = `column ${JSON.stringify(clip(place.column))}`;
    return new RowProblem(this.file, `${column} ${what}`, placeOf(place), kind);
  }
}

function placeOf({ line, column }: LabelPlace) {
  return { line, column };
}

function kindOf(value: unknown): Kind | null {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number' || typeof value === 'bigint') return 'number';
  return typeof value === 'boolean' ? 'boolean' : null;
}
