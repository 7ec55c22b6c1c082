/**
 * The rows of one range of a data file.
 *
 * The rule: with a span only its bytes are read; without one the file is read from its beginning, which costs the more the later
 * the range is.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { SinterError } from '../core/errors.js';
import { readRows } from '../data/index.js';
import { aboutFile } from '../files/index.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';
import type { FileSpan, RangeJob } from './jobs.js';

/** Throws FILE_SYSTEM where the input is missing, INVALID_DATA where it has not the size that it had when the job was made. */
export async function checkInput(path: string, { input, bytes }: RangeJob): Promise<void> {
  const { size } = await aboutFile(input, () => stat(path));
  if (bytes === undefined || size === bytes) return;
  const what = `has ${size} bytes, and had ${bytes} when the job was made`;
  throw new SinterError('INVALID_DATA', `${input}: ${what}`, { details: { file: input } });
}

/** The texts of the range, exactly `to - from` of them. INVALID_DATA where the file has fewer. */
export async function* rangeTexts(
  path: string,
  { input, rows, span, read = {} }: RangeJob,
  signal: AbortSignal,
): AsyncGenerator<TextInput> {
  const [from, to] = rows;
  const options = { ...read, labels: 'none', signal } as const;
  const source =
    span === undefined
      ? readRows(path, options)
      : readRows(`${input} from row ${from}`, { ...options, stream: spanOf(path, span) });
  let row = span === undefined ? 0 : from;
  for await (const { text, pair } of source) {
    if (row >= from) yield pair === undefined ? text : [text, pair];
    row += 1;
    if (row === to) return;
  }
  const what = `has only ${row} rows, and the job asks for ${from} to ${to}`;
  throw new SinterError('INVALID_DATA', `${input}: ${what}`, { details: { file: input } });
}

async function* spanOf(path: string, { head, from, to }: FileSpan): AsyncGenerator<Uint8Array> {
  if (head > 0) yield* createReadStream(path, { start: 0, end: head - 1 });
  yield* createReadStream(path, { start: from, end: to - 1 });
}
