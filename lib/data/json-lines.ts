/**
 * JSONL files as records: one JSON object per line.
 *
 * The rule: blank lines are skipped, everything else must be an object; errors name line and position.
 */
import { show } from '../core/errors.js';
import { decodeFile } from './decode.js';
import { dataProblem } from './problem.js';
import type { RawRecord } from './types.js';

/** Longest line, in UTF-16 units. */
const MAX_LINE_UNITS = 16 * 1024 * 1024;

/** The lines of a file without their line feeds, numbered from 1. */
async function* readLines(file: string): AsyncGenerator<{ line: number; text: string }> {
  let line = 1;
  let pieces: string[] = [];
  let held = 0;
  for await (const text of decodeFile(file)) {
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      yield { line, text: pieces.join('') + text.slice(start, end) };
      line += 1;
      pieces = [];
      held = 0;
      start = end + 1;
    }
    pieces.push(text.slice(start));
    held += text.length - start;
    if (held > MAX_LINE_UNITS) {
      throw dataProblem(file, `the line is longer than ${MAX_LINE_UNITS} characters`, { line });
    }
  }
  yield { line, text: pieces.join('') };
}

function parseLine(file: string, line: number, text: string): RawRecord {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const column = Number(/position (\d+)/.exec(reason)?.[1] ?? text.length) + 1;
    throw dataProblem(file, `not valid JSON at character ${column}`, {
      line,
      column,
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw dataProblem(file, `must be a JSON object, got ${show(value)}`, { line });
  }
  return { line, fields: new Map(Object.entries(value)) };
}

/** The records of a JSONL file. An empty file is INVALID_DATA. */
export async function* readJsonLines(file: string): AsyncGenerator<RawRecord> {
  let found = 0;
  for await (const { line, text } of readLines(file)) {
    if (text.trim() === '') continue;
    found += 1;
    yield parseLine(file, line, text);
  }
  if (found === 0) throw dataProblem(file, 'the file is empty');
}

/** The objects of a JSONL file, as they are. An empty file is INVALID_DATA. */
export async function* readJsonObjects(
  file: string,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const { fields } of readJsonLines(file)) yield Object.fromEntries(fields);
}
