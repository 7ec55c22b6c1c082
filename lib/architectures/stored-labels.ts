/**
 * The names of a head's classes in config.json: id2label, else label2id, else LABEL_0, LABEL_1 ...
 *
 * Numbers, true and null are converted to text, as transformers shows them. If the number of names is not the head's number
 * of rows, the error has both.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import type { ConfigReader } from './config-reader.js';

/** One name for each of the `rows` rows of the head's last product. */
export function storedLabels(reader: ConfigReader, rows: number): readonly string[] {
  const { id2label, label2id, num_labels: count } = reader.config;
  if ((id2label ?? null) !== null) return namesById(reader, id2label as JsonValue, rows);
  if ((label2id ?? null) !== null) return namesOfIds(reader, label2id as JsonValue, rows);
  if ((count ?? rows) !== rows) {
    throw reader.corrupt('num_labels', `that of the head (${rows} rows)`, count);
  }
  return Array.from({ length: rows }, (_, i) => `LABEL_${i}`);
}

/** Number of names in id2label; null without id2label. */
export function statedCount({ id2label }: JsonObject): number | null {
  if (Array.isArray(id2label)) return id2label.length;
  return isJsonObject(id2label) ? Object.keys(id2label).length : null;
}

/** A note if id2label and label2id give a class different numbers; id2label is used, as in transformers. */
export function labelNotes({ id2label, label2id }: JsonObject): readonly string[] {
  if (!isJsonObject(id2label) || !isJsonObject(label2id)) return [];
  const moved = Object.entries(id2label).find(([id, name]) => {
    const other = label2id[String(name)];
    return other !== undefined && Number(other) !== Number(id);
  });
  if (moved === undefined || new Set(Object.values(id2label)).size !== Object.keys(id2label).length)
    return [];
  const [id, name] = moved;
  return [
    `label2id gives ${JSON.stringify(name)} another number than id2label: ${id} of id2label counts`,
  ];
}

function namesById(reader: ConfigReader, map: JsonValue, rows: number): readonly string[] {
  const entries: readonly (readonly [string, JsonValue])[] | null = Array.isArray(map)
    ? map.map((name: JsonValue, i) => [String(i), name])
    : isJsonObject(map)
      ? Object.entries(map)
      : null;
  const names = new Map((entries ?? []).map(([id, name]) => [idOf(id), name]));
  const what = `a name for each row of the head (${rows} rows, ${entries?.length ?? 0} names)`;
  const texts: string[] = [];
  for (let row = 0; row < rows; row++) {
    const text = textOf(reader, names.get(row));
    if (text === null) throw reader.corrupt('id2label', what, map);
    texts.push(text);
  }
  if (entries?.length !== rows) throw reader.corrupt('id2label', what, map);
  const second = texts.findIndex((text, i) => texts.indexOf(text) !== i);
  if (second < 0) return texts;
  const text = texts[second] ?? '';
  const both = `${JSON.stringify(text)} for ${texts.indexOf(text)} and ${second}`;
  throw reader.corrupt('id2label', `different names (labels gives others), not ${both}`, map);
}

/** Names from label2id alone. */
function namesOfIds(reader: ConfigReader, map: JsonValue, rows: number): readonly string[] {
  const entries = isJsonObject(map) ? Object.entries(map) : [];
  const names = new Map(entries.map(([name, id]) => [idOf(id), name]));
  const texts = Array.from({ length: rows }, (_, row) => names.get(row));
  const fit = entries.length === rows && texts.every((text) => text !== undefined);
  if (fit) return texts as string[];
  const what = `a number for each row of the head (${rows} rows, ${entries.length} names)`;
  throw reader.corrupt('label2id', what, map);
}

function idOf(id: JsonValue): number {
  if (typeof id === 'number') return id;
  return typeof id === 'string' && /^\d+$/.test(id) ? Number(id) : Number.NaN;
}

/** The text of a name; null if the value is not a valid name. */
function textOf(reader: ConfigReader, name: JsonValue | undefined): string | null {
  if (typeof name === 'string') return name;
  if (typeof name === 'number' && Number.isInteger(name) && !Number.isSafeInteger(name)) {
    throw reader.corrupt('id2label', 'of texts or of numbers that JSON holds exactly', name);
  }
  if (name === null || typeof name === 'number' || typeof name === 'boolean') return String(name);
  return null;
}
