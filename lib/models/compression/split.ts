/**
 * The three parts of the rows of a compression: to learn from, to compare candidates by, and for the verdict.
 *
 * The rule: a text is in one part only, so that nothing is judged by what it was chosen or trained on.
 */

import { rangeMistake, SinterError, show } from '../../core/errors.js';
import { splitRows } from '../../data/index.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import type { SubjectRows } from './subject.js';

/** Share of the rows for the verdict where no rows are given for it. */
const TEST_SHARE = 0.15;
/** Share of the rows to learn from, or of those for the verdict, by which candidates are compared, and how many are enough. */
const CHOICE_SHARE = { rows: 0.1, eval: 1 / 3 };
const MOST_CHOICE_ROWS = 2000;
/** Fewer rows cannot be divided. */
const FEWEST_ROWS = 20;

export interface SplitRequest {
  readonly rows: readonly unknown[];
  readonly choice: readonly unknown[] | undefined;
  readonly eval: readonly unknown[] | undefined;
  readonly unlabelled: readonly TextInput[];
  readonly seed: number;
  readonly allowOverlap: boolean;
}

export interface SplitParts extends SubjectRows<unknown> {
  /** What a reader of the result should know of the rows. */
  readonly notes: readonly string[];
}

/**
 * Candidates are compared on rows of `choice`, else on a third of `eval`, else on a tenth of `rows`. A model that was trained on the
 * rows of the choice has learned their labels by heart, so that any other form seems worse than it is.
 *
 * Throws RangeError for too few rows, and INVALID_DATA where rows for the choice or the verdict have the texts of others.
 */
export function splitForCompression(where: string, request: SplitRequest): SplitParts {
  const { rows, seed, unlabelled } = request;
  if (rows.length < FEWEST_ROWS) {
    const what = `at least ${FEWEST_ROWS} rows, to have some to learn from and others to compare by`;
    throw rangeMistake(`${where}: rows`, what, rows.length);
  }
  const notes: string[] = [];
  const named = { rows, choice: request.choice, eval: request.eval };
  checkApart(where, named, request.allowOverlap, notes);
  const parts = divided(named, seed, notes);
  const isUnlabelled = rows.every((row) => !isLabelled(row));
  return { ...parts, unlabelled, isUnlabelled, notes };
}

interface NamedRows {
  readonly rows: readonly unknown[];
  readonly choice: readonly unknown[] | undefined;
  readonly eval: readonly unknown[] | undefined;
}

function divided({ rows, choice, eval: held }: NamedRows, seed: number, notes: string[]) {
  if (choice !== undefined && held !== undefined) return { train: rows, choice, test: held };
  if (held !== undefined) {
    const { train: test, held: own } = halves(held, choiceShare(held, 'eval'), seed);
    notes.push(`${own.length} of the ${held.length} rows of eval are for the choice.`);
    return { train: rows, choice: own, test };
  }
  const first = halves(rows, TEST_SHARE, seed);
  notes.push(
    `${first.held.length} of the ${rows.length} rows are kept for the verdict. If the original was trained on them, it knows them by heart, and the drop looks larger than it is.`,
  );
  if (choice !== undefined) return { train: first.train, choice, test: first.held };
  const second = halves(first.train, choiceShare(first.train, 'rows'), seed + 1);
  return { train: second.train, choice: second.held, test: first.held };
}

function choiceShare(rows: readonly unknown[], from: keyof typeof CHOICE_SHARE): number {
  return Math.min(CHOICE_SHARE[from], MOST_CHOICE_ROWS / rows.length);
}

/** Throws INVALID_DATA where two of the given parts have a text in common, unless that is allowed. */
function checkApart(where: string, named: NamedRows, isAllowed: boolean, notes: string[]): void {
  const pairs = [
    ['eval', 'rows'],
    ['choice', 'rows'],
    ['eval', 'choice'],
  ] as const;
  for (const [one, other] of pairs) {
    const [held, known] = [named[one], named[other]];
    if (held === undefined || known === undefined) continue;
    const shared = sharedRows(known, held);
    const [index] = shared;
    if (index === undefined) continue;
    const what = `${shared.length} of ${held.length} rows of ${one} have a text that is in ${other} too, the first is ${one}[${index}], ${show(keyOf(held[index]))}`;
    if (isAllowed) notes.push(`${what}; this was permitted.`);
    else {
      throw new SinterError(
        'INVALID_DATA',
        `${where}: ${what}; a verdict on texts that were learned proves nothing (allowOverlap: true permits it)`,
      );
    }
  }
}

function halves(rows: readonly unknown[], fraction: number, seed: number) {
  const split = splitRows(rows as { text: string }[], {
    ...{ seed, fraction, groupBy: keyOf, stratified: true },
  });
  return split as { readonly train: readonly unknown[]; readonly held: readonly unknown[] };
}

/** Indices of the rows of `held` whose texts are those of a row of `rows`. */
function sharedRows(rows: readonly unknown[], held: readonly unknown[]): readonly number[] {
  const known = new Set(rows.map(keyOf));
  return held.flatMap((row, i) => (known.has(keyOf(row)) ? [i] : []));
}

const ANSWERS = ['label', 'labels', 'score', 'value', 'tags', 'answers'];

/** Whether a row says more than its texts. */
function isLabelled(row: unknown): boolean {
  if (typeof row !== 'object' || row === null) return false;
  return ANSWERS.some((name) => (row as Record<string, unknown>)[name] !== undefined);
}

/** Fields that are no text of the row. */
const OTHER_FIELDS = new Set([
  ...['label', 'labels', 'score', 'value', 'tags', 'answers', 'logits', 'embedding', 'id'],
  ...['file', 'line'],
]);

/** The texts of a row, as one string: rows of the same texts are the same, whatever their labels are. */
export function keyOf(row: unknown): string {
  if (typeof row === 'string') return row.trim();
  const entries = Object.entries(row as object).filter(
    ([name, value]) => !OTHER_FIELDS.has(name) && value !== undefined,
  );
  const texts = entries.map(([, value]) => (typeof value === 'string' ? value.trim() : value));
  return texts.length === 1 && typeof texts[0] === 'string' ? texts[0] : JSON.stringify(texts);
}
