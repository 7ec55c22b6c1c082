/**
 * Reads JSON files as records: one object a line, one array of objects, an object with such an array as `data`, and SQuAD's
 * files.
 *
 * The rule: blank lines are skipped, everything else must be an object; errors name line and position. The beginning of a .json
 * file, however long, tells which of these it is.
 */
import { show } from '../core/errors.js';
import { findRepeatedKey } from '../core/json.js';
import { excessOfJson } from '../core/json-shape.js';
import { openText } from './decode.js';
import { hasElements, jsonElements } from './json-elements.js';
import { valueTexts } from './json-values.js';
import { readLines } from './lines.js';
import { peek } from './peek.js';
import { clip, dataProblem, RowProblem } from './problem.js';
import { isArticle, questionsOf } from './squad.js';
import type { Parsed, Records } from './types.js';

const WANTED = 'each line must be one whole object, such as {"text": "...", "label": "..."}';
/** An array begins in it, or the file has none. */
const HEAD_UNITS = 2 ** 20;

export interface JsonOptions {
  readonly format: 'json' | 'jsonl';
  readonly encoding: string | undefined;
  readonly stream: AsyncIterable<Uint8Array> | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A .json or .jsonl file. */
export async function openJson(
  file: string,
  { format, encoding, stream, signal }: JsonOptions,
): Promise<Records> {
  const open = await openText(file, { encoding, stream, signal });
  try {
    const { head, text } = await peek(open.text, format === 'json' ? HEAD_UNITS : 1);
    const read = format === 'json' && hasElements(head) ? readElements : readJsonLines;
    return {
      source: { file, format, encoding: open.encoding, delimiter: null },
      names: null,
      classNames: () => undefined,
      read: () => read(file, text),
      close: open.close,
    };
  } catch (error) {
    await open.close();
    throw error;
  }
}

/** The same pieces, if the text does not begin with an array. */
async function* notArray(file: string, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let line = 1;
  let begun = false;
  for await (const piece of pieces) {
    if (!begun) {
      const before = piece.length - piece.trimStart().length;
      line += piece.slice(0, before).split('\n').length - 1;
      begun = before < piece.length;
      if (piece[before] === '[') {
        const advice = `${WANTED} (\`format\` json reads a file that is one array)`;
        throw dataProblem(file, `begins with an array; ${advice}`, { line });
      }
    }
    yield piece;
  }
}

/** The records of JSON lines. An empty file is INVALID_DATA. */
async function* readJsonLines(file: string, text: AsyncIterable<string>): AsyncGenerator<Parsed> {
  let found = 0;
  for await (const one of readLines(file, notArray(file, text))) {
    if (one.text.trim() === '') continue;
    found += 1;
    const hint = /^\s*(?:\{\s*$|[^\s{])/.test(one.text) ? `; ${WANTED}` : '';
    const parsed = parseObject(file, one.line, one.text, hint);
    // The whole file is of another kind, so this is no bad row.
    if (found === 1 && hint !== '' && parsed instanceof RowProblem) throw parsed;
    yield parsed;
  }
  if (found === 0) throw dataProblem(file, 'the file is empty');
}

/** The objects of an array, or the questions of SQuAD's articles in it. */
async function* readElements(file: string, text: AsyncIterable<string>): AsyncGenerator<Parsed> {
  let found = 0;
  for await (const one of jsonElements(file, text)) {
    found += 1;
    const parsed = parseObject(file, one.line, one.text.trim(), '');
    if (!(parsed instanceof RowProblem) && isArticle(parsed)) yield* questionsOf(parsed);
    else yield parsed;
  }
  if (found === 0) throw dataProblem(file, 'the array is empty');
}

function parseObject(file: string, line: number, text: string, hint: string): Parsed {
  const excess = excessOfJson(text);
  if (excess !== null) return new RowProblem(file, excess, { line });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const column = Number(/position (\d+)/.exec(reason)?.[1] ?? text.length) + 1;
    const what = `not valid JSON at character ${column}${hint}`;
    return new RowProblem(file, what, { line, column, cause }, 'not valid JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = `must be a JSON object, got ${show(value)}`;
    return new RowProblem(file, what, { line }, 'not an object');
  }
  const repeated = findRepeatedKey(text);
  if (repeated !== null) {
    const what = `key ${JSON.stringify(clip(repeated.key))} is given twice`;
    return new RowProblem(file, what, { line, column: repeated.index + 1 });
  }
  const object = value as Readonly<Record<string, unknown>>;
  return {
    line,
    names: Object.keys(object),
    get: (name) => (Object.hasOwn(object, name) ? object[name] : undefined),
    source: (name) => valueTexts(text).get(name),
  };
}
