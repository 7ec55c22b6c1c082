// Helpers of the build tests: a made-up repository in a temporary folder, and running a check on it.
// A check is a program (exit status and messages are its contract), so it is run as one.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Writes `files` (path -> text) into a new folder that is removed when the running test ends. */
export function scratch(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'sinter-build-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** Runs scripts/`name` with `args`; returns its exit status and all that it printed. */
export function check(name: string, ...args: string[]): { status: number | null; output: string } {
  const program = name.endsWith('.sh') ? 'bash' : process.execPath;
  const script = join(repository, 'scripts', name);
  const result = spawnSync(program, [script, ...args], { encoding: 'utf8', cwd: repository });
  if (result.error) throw result.error;
  return { status: result.status, output: result.stdout + result.stderr };
}
