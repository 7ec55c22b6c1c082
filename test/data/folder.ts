/**
 * A temporary folder for one test file, which calls `useFolder()`, and the shape of an INVALID_DATA error.
 *
 * The rule: nothing is written outside the folder, and it is removed at the end.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { type ReadOptions, readAllRows } from '../../lib/data/index.js';

/** The folder of the test file that runs; other files of the same process have had their own. */
export let folder = '';

export function useFolder(): void {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sinter-data-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
}

/** Writes a file and returns its path. */
export function fileWith(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** Reads a file that must be refused; returns the message without the folder, and the details. */
export async function refusal(
  name: string,
  content: string | Uint8Array,
  options: ReadOptions = {},
): Promise<{ message: string; details: SinterError['details'] }> {
  try {
    await readAllRows(fileWith(name, content), options);
  } catch (error) {
    if (!(error instanceof SinterError) || error.code !== 'INVALID_DATA') throw error;
    return { message: error.message.replaceAll(`${folder}/`, ''), details: error.details };
  }
  throw new Error(`${name} was read without an error`);
}
