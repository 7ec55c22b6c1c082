/**
 * A model folder to change: the bert fixture, copied.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from './temporary-folder.js';

const FIXTURES = new URL('../fixtures/encoders/', import.meta.url);

/** A copy of the bert fixture that may be changed, with `files` added. */
export async function modelFolder(files: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const folder = join(await temporaryFolder(), 'model');
  await cp(fileURLToPath(new URL('bert', FIXTURES)), folder, { recursive: true });
  for (const [name, value] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return folder;
}
