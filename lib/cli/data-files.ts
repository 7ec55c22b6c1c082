/**
 * Reads the data files of one command as its flags say, and notes whatever was guessed or left out.
 *
 * The rule: an error of a model about a row names the row's line in the file.
 */
import { SinterError } from '../core/errors.js';
import { type BadRows, describeBadRows, describeKind, type ReadOptions } from '../data/index.js';
import type { Rows } from '../train/collect-rows.js';
import { type DataOptions, readOptionsOf } from './arguments.js';
import type { Console } from './context.js';
import { EXIT_CODES, exitCodeFor } from './exit-codes.js';
import { printable } from './output.js';

/** A row that came from a file. */
interface PlacedRow {
  readonly file?: string;
  readonly line?: number;
}

export class DataFiles {
  private readonly bad: BadRows[] = [];

  constructor(
    private readonly options: DataOptions,
    private readonly out: Console,
  ) {}

  /** Whether the files are only checked (--on-bad-rows report). */
  get isReport(): boolean {
    return this.options.onBadRows === 'report';
  }

  /** Read options for each of the files. */
  get read(): ReadOptions {
    const { out } = this;
    return {
      ...readOptionsOf(this.options),
      onSource: out.noteSource.bind(out),
      onColumns: out.noteColumns.bind(out),
      onLabelVariants: out.noteVariants.bind(out),
      onBadRowsFound: (bad) => this.found(bad),
      signal: out.signal,
    };
  }

  /** With --on-bad-rows report: prints the bad rows. INVALID_DATA where there are any. */
  report(): void {
    for (const bad of this.bad) {
      const { file, count, rows } = bad;
      if (count === 0) this.out.say(`${file}: all ${rows} rows can be used`, { keepsWords: true });
      else this.out.print(`${[describeBadRows(bad), ...linesOf(bad)].map(printable).join('\n')}\n`);
    }
    this.out.json({ files: this.bad });
    const [first] = this.bad.filter(({ count }) => count > 0);
    if (first === undefined) return;
    const message = `${describeBadRows(first)} (--on-bad-rows report: nothing else was done)`;
    throw new SinterError('INVALID_DATA', message, { details: { file: first.file } });
  }

  /** Says what a split could not do. */
  noteSplit(notes: readonly string[] = []): void {
    for (const note of notes) this.out.warn(`note: ${note}`);
  }

  private found(bad: BadRows): void {
    this.bad.push(bad);
    if (this.isReport) return;
    this.out.warn(`${describeBadRows(bad)} and are left out:`);
    for (const line of linesOf(bad)) this.out.warn(line);
  }
}

function linesOf({ kinds }: BadRows): string[] {
  return kinds.map((kind) => `  ${describeKind(kind)}`);
}

const OF_ROW = /^\w+: (rows|eval)\[(\d+)\]((?:\.\w+|\[\d+\])*) (.*)$/s;
/** Fields of rows that hold the label of the file. */
const OF_LABEL: ReadonlySet<string> = new Set(['label', 'score', 'value']);

/** Does `work`; its errors about row number i are changed to name that row's line in its file. */
export async function withPlaces<T>(
  rows: { readonly rows: Rows<object>; readonly eval?: readonly object[] | null },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || exitCodeFor(error) !== EXIT_CODES.usage) throw error;
    const [, name, index, path = '', what] = OF_ROW.exec(error.message) ?? [];
    const list = name === 'eval' ? rows.eval : rows.rows;
    const row: PlacedRow | undefined = await rowAt(list ?? [], Number(index));
    if (row?.file === undefined || row.line === undefined) throw error;
    const { file, line } = row;
    const subject = subjectOf(path);
    throw new SinterError('INVALID_DATA', `${file}:${line}: ${subject} ${what}`, {
      details: { file, line },
      cause: error,
    });
  }
}

/** Streamed rows are read again up to the wanted one. */
async function rowAt(rows: Rows<object>, index: number): Promise<object | undefined> {
  let i = 0;
  for await (const row of rows) if (i++ === index) return row;
  return undefined;
}

/** A path such as `.answers[0].start` in words: "answers, item 1, start". */
function subjectOf(path: string): string {
  const steps = path.match(/\w+/g) ?? [];
  const [field = 'the row'] = steps;
  if (steps.length === 1 && OF_LABEL.has(field)) return 'the label';
  const words = steps.map((step) => (/^\d/.test(step) ? `item ${Number(step) + 1}` : step));
  return words.join(', ') || field;
}
