/**
 * The file of one range: a line that says what it is, then a line of JSON for each row, `{"row":N,...}`.
 *
 * The rule: a part appears whole or not at all, so one that is there is complete; its first line says of which plan, rows and model.
 */
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { errnoOf, fileError, writeFileAtomic } from '../files/index.js';

/** The first line of a part. */
export interface PartHead {
  readonly sinterPart: 1;
  /** Name of the plan; null for a range that belongs to none. */
  readonly plan: string | null;
  readonly rows: readonly [number, number];
  readonly task: string;
  readonly version: string;
}

/** A head has a few short fields; a longer first line is none. */
const MAX_HEAD_BYTES = 4096;

/** A line of results: the fields of an object, or a value under `embedding`. */
export function partLine(row: number, json: string): string {
  return json.startsWith('{') ? objectLine(row, json) : `{"row":${row},"embedding":${json}}\n`;
}

function objectLine(row: number, json: string): string {
  return json === '{}' ? `{"row":${row}}\n` : `{"row":${row},${json.slice(1)}\n`;
}

/** Writes a part under a temporary name, syncs it and renames it. `write` is given the function that adds lines. */
export async function writePart(
  path: string,
  head: PartHead,
  inputs: readonly string[],
  write: (add: (lines: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  await writeFileAtomic(
    path,
    async (file) => {
      await file.appendFile(`${JSON.stringify(head)}\n`);
      await write((lines) => file.appendFile(lines));
    },
    { inputs },
  );
}

/** The head of a part; null where there is no file, or one that is no part. */
export async function readPartHead(path: string): Promise<PartHead | null> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw fileError(error, path);
  }
  try {
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(MAX_HEAD_BYTES),
      0,
      MAX_HEAD_BYTES,
      0,
    );
    const end = buffer.subarray(0, bytesRead).indexOf('\n');
    return end < 0 ? null : headOf(buffer.toString('utf8', 0, end));
  } finally {
    await file.close();
  }
}

/** The head in a first line; null for another line. */
export function headOf(line: string): PartHead | null {
  try {
    const found = JSON.parse(line) as PartHead | null;
    return found?.sinterPart === 1 && Array.isArray(found.rows) ? found : null;
  } catch {
    return null;
  }
}

/** Whether two heads are of the same rows of the same plan. */
export function isSamePart(a: PartHead, b: Pick<PartHead, 'plan' | 'rows'>): boolean {
  return a.plan === b.plan && a.rows[0] === b.rows[0] && a.rows[1] === b.rows[1];
}
