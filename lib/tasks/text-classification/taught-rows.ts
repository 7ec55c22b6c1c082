/** Rows with the logits of a teacher: their own, or those of a model. */

import { typeMistake } from '../../core/errors.js';
import { fieldsOf, type Rows, type TextTarget, textOf } from '../../train/collect-rows.js';
import type { Teacher } from './loss-options.js';

/** Rows whose logits are computed in one call of the teacher. */
const PIECE_ROWS = 256;

/** The rows with `logits` of the teacher, in the order of `labels`. Rows that are no objects pass unchanged, to be refused. */
export async function* taughtRows(
  rows: Rows<unknown>,
  teacher: Teacher,
  labels: readonly string[],
  { where, name, signal }: { where: string; name: string; signal: AbortSignal | undefined },
): AsyncGenerator<unknown> {
  const order = labels.map((label) => teacher.labels.indexOf(label));
  let piece: object[] = [];
  let count = 0;
  const flush = async function* () {
    const first = count - piece.length;
    const texts = piece.map((row, i) => textOf(`${where}: ${name}[${first + i}]`, row, 'text'));
    const logits = await teacher.logits(texts, { ...(signal && { signal }) });
    for (const [i, row] of piece.entries()) {
      const theirs = logits.row(i);
      yield { ...row, logits: order.map((column) => theirs[column] ?? Number.NaN) };
    }
    piece = [];
  };
  for await (const row of rows) {
    piece.push(fieldsOf(`${where}: ${name}[${count}]`, row, 'text and label'));
    count++;
    if (piece.length === PIECE_ROWS) yield* flush();
  }
  if (piece.length > 0) yield* flush();
}

/** A row's class and then its logits. With `unlabelled` a row need not have a label: its class is -1. */
export function taughtTarget(
  at: string,
  row: unknown,
  parse: (at: string, row: unknown) => TextTarget,
  { labels, unlabelled }: { readonly labels: number; readonly unlabelled: boolean },
): TextTarget {
  const { label, logits } = fieldsOf(at, row, 'text and label');
  const plain =
    unlabelled && label === undefined
      ? { input: textOf(at, row, 'text and logits'), target: [-1] }
      : parse(at, row);
  const isList = Array.isArray(logits) || ArrayBuffer.isView(logits);
  const list = isList ? Array.from(logits as ArrayLike<unknown>) : [];
  const numbers = list.filter((v): v is number => typeof v === 'number' && Number.isFinite(v));
  if (numbers.length !== labels || list.length !== labels) {
    throw typeMistake(`${at}.logits`, `${labels} finite numbers, one for each label`, logits);
  }
  return { input: plain.input, target: [...plain.target, ...numbers] };
}
