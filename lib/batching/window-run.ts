/**
 * Reads one text in windows, which are requests of their own, and joins what they give.
 *
 * Windows are joined in their order, and only some wait or run at a time, so a text of any length takes little memory and
 * holds up no other for longer than a batch.
 */

import { SinterError } from '../core/errors.js';
import { Turn } from '../core/turns.js';
import type { BatchWork, RequestTokens } from './batch-work.js';
import type { Request } from './request.js';

/** Windows of one text that wait or run; more are read when the first of them is done. */
const OPEN_WINDOWS = 64;

/** Puts a window into the queue; the promise is that of its result. */
export type SubmitWindow = (tokens: RequestTokens, work: BatchWork<unknown>) => Promise<unknown>;

/** The result of a text that does not fit. `stop` ends the reading. */
export async function runWindows(
  request: Request,
  stop: AbortSignal,
  submit: SubmitWindow,
): Promise<unknown> {
  const { work, text, facts } = request;
  const { windows } = work;
  if (!windows) throw new SinterError('INTERNAL', 'run: the text has no windows');
  const joined = windows.join();
  const window = { ...work, answer: windows.keep.bind(windows), windows: null };
  const open: Promise<unknown>[] = [];
  const turn = new Turn();
  const takeFirst = async () => {
    joined.add(await open.shift());
    if (turn.isOver) await turn.end();
  };
  let readingMs = 0;
  let begin = performance.now();
  for await (const group of windows.read(text, stop)) {
    readingMs += performance.now() - begin;
    for (const tokens of group) {
      if (open.length >= OPEN_WINDOWS) await takeFirst();
      open.push(submit(tokens, window));
    }
    begin = performance.now();
  }
  facts?.addReading(request, readingMs);
  while (open.length > 0) await takeFirst();
  return joined.finish();
}
