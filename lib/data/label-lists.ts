/**
 * JSON lines with a list of labels in each: several labels of a text, or a tag for each of its words.
 *
 * The rule: labels in lists are read as labels in a column are, by LabelReader.
 */
import { readJsonLines } from './json-lines.js';
import { valueTexts } from './json-values.js';
import { LabelReader } from './label-reader.js';
import type { LabelVariants } from './label-variants.js';
import { clip, dataProblem } from './problem.js';
import type { RawRecord } from './types.js';

export interface LabelListOptions {
  /** As in ReadOptions. */
  readonly onLabelVariants?: (variants: LabelVariants) => void;
  readonly signal?: AbortSignal;
}

/** The objects of a JSONL file, the labels at `key` as exact texts. What is no list there is left to the model. */
export async function* readLabelLists(
  file: string,
  key: string,
  { onLabelVariants, signal }: LabelListOptions = {},
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  const reader = new LabelReader(file);
  for await (const record of readJsonLines(file, signal)) {
    const object = Object.fromEntries(record.names.map((name) => [name, record.get(name)]));
    const list: unknown = record.get(key);
    if (Array.isArray(list)) object[key] = readList(file, reader, record, key, list);
    yield object;
  }
  if (onLabelVariants) for (const group of reader.variants()) onLabelVariants(group);
}

function readList(
  file: string,
  reader: LabelReader,
  record: RawRecord,
  key: string,
  list: readonly unknown[],
): string[] {
  const { line } = record;
  let texts: ReadonlyMap<string, string> | undefined;
  return list.map((value: unknown, i) => {
    const source = () => {
      texts ??= valueTexts(record.source(key) ?? '[]');
      return texts.get(String(i));
    };
    const column = `${key}[${i}]`;
    const label = reader.read(value, { line, column, source });
    if (label !== undefined) return label;
    const what = typeof value === 'string' ? 'is empty' : 'is missing';
    throw dataProblem(file, `column ${JSON.stringify(clip(column))} ${what}`, { line, column });
  });
}
