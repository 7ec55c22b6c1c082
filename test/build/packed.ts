/**
 * What `npm pack` would put into the package.
 */
import { execFileSync } from 'node:child_process';
import { repository } from './scratch.js';

let files: readonly string[] | undefined;

/** Paths from the root of the package, with / between folders. */
export function packedFiles(): readonly string[] {
  files ??= listed();
  return files;
}

function listed(): readonly string[] {
  const args = ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'];
  const stdout = execFileSync('npm', args, { cwd: repository, encoding: 'utf8' });
  const [manifest] = JSON.parse(stdout) as { files: { path: string }[] }[];
  return manifest?.files.map(({ path }) => path) ?? [];
}
