/**
 * Reads the keys of a configuration file in YAML or JSON, which is YAML too, with the line of each.
 *
 * The rule: what a reader of the file may take for something else is refused: keys that are there twice, tags, several documents.
 */

import { readFile, stat } from 'node:fs/promises';
import { SinterError, show } from '../core/errors.js';
import type { JsonValue } from '../core/json.js';
import { aboutFile } from '../files/index.js';
import type { ConfigEntry } from './config-entry.js';

/** A configuration is written by hand; a file beyond this is another kind of file. */
const MAX_BYTES = 1 << 20;

type Fail = (file: string, line: number, what: string) => SinterError;

/** The top-level keys of the file in their order. Throws what `fail` makes of a file and a line, or FILE_SYSTEM. */
export async function readConfigFile(file: string, fail: Fail): Promise<ConfigEntry[]> {
  const { document, lineOf } = await parseFile(file, fail);
  const { isMap, isScalar, isNode } = await import('yaml');
  const { contents } = document;
  if (contents === null) return [];
  if (!isMap(contents)) {
    const line = lineOf(contents.range?.[0] ?? 0);
    throw fail(file, line, 'must hold keys and values, such as epochs: 3');
  }
  return contents.items.map(({ key, value }) => {
    const line = lineOf((isNode(key) ? key.range?.[0] : undefined) ?? 0);
    const name: unknown = isScalar(key) ? key.value : key;
    if (typeof name !== 'string') {
      throw fail(file, line, `a key must be a name, got ${show(name)}`);
    }
    const found = isNode(value) ? (value.toJS(document) as JsonValue) : null;
    return { key: name, value: found, line };
  });
}

/** All that the file holds, which may be a list. Throws as `readConfigFile`. */
export async function readConfigValue(file: string, fail: Fail): Promise<JsonValue> {
  const { document } = await parseFile(file, fail);
  return document.toJS() as JsonValue;
}

async function parseFile(file: string, fail: Fail) {
  const { size } = await aboutFile(file, () => stat(file));
  if (size > MAX_BYTES) {
    const what = `a configuration must be at most ${MAX_BYTES} bytes, got ${size}`;
    throw new SinterError('INVALID_DATA', `${file}: ${what}`, { details: { file } });
  }
  const text = await aboutFile(file, () => readFile(file, 'utf8'));
  const { parseDocument, LineCounter } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const lineOf = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) throw fail(file, lineOf(problem.pos[0]), problem.message);
  return { document, lineOf };
}
