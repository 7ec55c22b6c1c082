/**
 * The rows of a file that cannot be used, gathered while it is read to its end.
 *
 * The rule: problems of one kind are one entry with a count and the first lines; memory does not grow with the file.
 */
import { SinterError } from '../core/errors.js';
import { formatNumber } from '../core/units.js';
import { clip, type RowProblem } from './problem.js';

/** Rows that have the same kind of problem. */
export interface BadRowKind {
  /** The first problem, as `file:line: what is wrong`. */
  readonly first: string;
  /** Number of rows of this kind. */
  readonly count: number;
  /** Lines of the first such rows: at most ten, or a thousand with `onBadRows: 'report'`. */
  readonly lines: readonly number[];
}

/** The rows of a file that cannot be used. */
export interface BadRows {
  readonly file: string;
  readonly count: number;
  /** Number of rows in the file, good and bad. */
  readonly rows: number;
  readonly kinds: readonly BadRowKind[];
}

const SHOWN_LINES = 10;
const REPORTED_LINES = 1000;
/** Most kinds that are kept apart, about what people read; further ones are counted as one kind. */
const MAX_KINDS = 20;

export class BadRowList {
  private readonly kinds = new Map<string, { first: string; count: number; lines: number[] }>();
  private firstProblem: RowProblem | undefined;
  private readonly maxLines: number;
  count = 0;
  /** Whether `error` has put all problems into an error. */
  isThrown = false;

  constructor(
    private readonly file: string,
    policy: 'fail' | 'skip' | 'report',
  ) {
    this.maxLines = policy === 'report' ? REPORTED_LINES : SHOWN_LINES;
  }

  add(problem: RowProblem): void {
    this.firstProblem ??= problem;
    this.count += 1;
    const kind = this.kinds.has(problem.kind) || this.kinds.size < MAX_KINDS ? problem.kind : '';
    const known = this.kinds.get(kind);
    const { line } = problem.place;
    if (known === undefined) {
      this.kinds.set(kind, { first: problem.message, count: 1, lines: [line] });
      return;
    }
    known.count += 1;
    if (known.lines.length < this.maxLines) known.lines.push(line);
  }

  /** The bad rows so far. `good`: number of usable rows. */
  found(good: number): BadRows {
    return {
      file: this.file,
      count: this.count,
      rows: good + this.count,
      kinds: [...this.kinds.values()],
    };
  }

  /** One error for all bad rows; `last` is the error that stopped the reading before the end of the file. */
  error(good: number, last?: SinterError): SinterError {
    this.isThrown = true;
    if (this.count === 1 && last === undefined && this.firstProblem !== undefined) {
      return this.firstProblem;
    }
    const found = this.found(good);
    const problems = [
      ...found.kinds.map(describeKind),
      ...(last === undefined ? [] : [`${last.message} (nothing was read after it)`]),
    ];
    const message = `${describeBadRows(found)}\n${problems.map((line) => `  ${line}`).join('\n')}`;
    const { line } = this.firstProblem?.place ?? {};
    return new SinterError('INVALID_DATA', message, {
      details: { file: this.file, ...(line !== undefined && { line }), problems },
      cause: this.firstProblem,
    });
  }
}

/** A line that says how many rows of a file cannot be used. */
export function describeBadRows({ file, count, rows }: BadRows): string {
  const which = `${formatNumber(count)} of ${formatNumber(rows)} rows`;
  return `${file}: ${which} cannot be used`;
}

/** One kind of problem in words: the first row in full, the others by their lines. */
export function describeKind({ first, count, lines }: BadRowKind): string {
  if (count === 1) return first;
  const more = count > lines.length ? ', ...' : '';
  return `${clip(first, 400)} (${formatNumber(count)} rows: lines ${lines.join(', ')}${more})`;
}
