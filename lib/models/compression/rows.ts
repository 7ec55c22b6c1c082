/**
 * The rows of a compression, before they are divided: each is checked under the name that its caller knows.
 *
 * The rule: the rows of a list have all an answer, or none has; where `rows` have one, rows to compare by have one too.
 */

import type { CompressOptions } from './options.js';

/** Throws TypeError or RangeError that begins with `at`; else says whether the row has an answer. */
export type RowCheck = (at: string, row: unknown) => boolean;

const LISTS = ['rows', 'choice', 'eval'] as const;

/** Throws TypeError or RangeError that names rows[i], choice[i] or eval[i]. `begin` gives the check of a list. */
export function checkRows(
  where: string,
  options: CompressOptions<never>,
  begin: () => RowCheck,
): void {
  const given = options as Readonly<Partial<Record<(typeof LISTS)[number], readonly unknown[]>>>;
  let wanted: boolean | undefined;
  for (const name of LISTS) {
    const check = begin();
    let first = name === 'rows' || wanted !== true ? undefined : true;
    for (const [i, row] of (given[name] ?? []).entries()) {
      const has = check(`${where}: ${name}[${i}]`, row);
      first ??= has;
      if (has === first) continue;
      const [what, other] = first ? ['an answer', 'have one'] : ['no answer', 'have none'];
      const advice = first ? '; texts without an answer belong into unlabelled' : '';
      throw new TypeError(
        `${where}: ${name}[${i}] must be a row with ${what}, as rows before it ${other}${advice}`,
      );
    }
    wanted ??= first;
  }
}

/** Does `work` once, and again after it has failed. */
export function once<T>(
  work: (signal: AbortSignal | undefined) => Promise<T>,
): (signal: AbortSignal | undefined) => Promise<T> {
  let made: Promise<T> | undefined;
  return (signal) => {
    made ??= work(signal).catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

/** The options of a call that can be cancelled. */
export function cancellable(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
