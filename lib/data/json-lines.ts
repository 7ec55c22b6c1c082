/**
 * JSONL files as records: one JSON object per line.
 *
 * The rule: blank lines are skipped, everything else must be an object; errors name line and position. A file that is one
 * array is known by its first character, however long it is.
 */
import { show } from '../core/errors.js';
import { findRepeatedKey } from '../core/json.js';
import { excessOfJson } from '../core/json-shape.js';
import { decodeFile } from './decode.js';
import { valueTexts } from './json-values.js';
import { readLines } from './lines.js';
import { clip, dataProblem } from './problem.js';
import type { RawRecord } from './types.js';

const WANTED = 'each line must be one whole object, such as {"text": "...", "label": "..."}';

/** The same pieces, if the text does not begin with an array. */
async function* notArray(file: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let line = 1;
  let begun = false;
  for await (const piece of pieces) {
    if (!begun) {
      const before = piece.length - piece.trimStart().length;
      line += piece.slice(0, before).split('\n').length - 1;
      begun = before < piece.length;
      if (piece[before] === '[')
        throw dataProblem(file, `begins with an array; ${WANTED}`, { line });
    }
    yield piece;
  }
}

function parseLine(file: string, line: number, text: string): RawRecord {
  const excess = excessOfJson(text);
  if (excess !== null) throw dataProblem(file, excess, { line });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const column = Number(/position (\d+)/.exec(reason)?.[1] ?? text.length) + 1;
    const hint = /^\s*(?:\{\s*$|[^\s{])/.test(text) ? `; ${WANTED}` : '';
    throw dataProblem(file, `not valid JSON at character ${column}${hint}`, {
      line,
      column,
      cause: error,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw dataProblem(file, `must be a JSON object, got ${show(value)}`, { line });
  }
  const repeated = findRepeatedKey(text);
  if (repeated !== null) {
    const key = JSON.stringify(clip(repeated.key));
    throw dataProblem(file, `key ${key} is given twice`, { line, column: repeated.index + 1 });
  }
  const object = value as Readonly<Record<string, unknown>>;
  return {
    line,
    names: Object.keys(object),
    get: (name) => (Object.hasOwn(object, name) ? object[name] : undefined),
    source: (name) => valueTexts(text).get(name),
  };
}

/** The records of a JSONL file. An empty file is INVALID_DATA. */
export async function* readJsonLines(
  file: string,
  signal?: AbortSignal,
): AsyncGenerator<RawRecord> {
  let found = 0;
  for await (const { line, text } of readLines(file, notArray(file, decodeFile(file, signal)))) {
    if (text.trim() === '') continue;
    found += 1;
    yield parseLine(file, line, text);
  }
  if (found === 0) throw dataProblem(file, 'the file is empty');
}

/** The objects of a JSONL file, as they are. An empty file is INVALID_DATA. */
export async function* readJsonObjects(
  file: string,
  signal?: AbortSignal,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  for await (const { names, get } of readJsonLines(file, signal)) {
    yield Object.fromEntries(names.map((name) => [name, get(name)]));
  }
}
