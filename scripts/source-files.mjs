// Shared by the checks: lists the files of the repository, and prints the findings of a check.
// A check takes the repository's root as its only argument, so that tests can point it at a made-up one.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

// Folders that a build or an install makes, as paths from the root.
const IGNORED = /^(\.git|\.tools|dist|build|build-[^/]*)$|(^|\/)node_modules$/;

/** The root to check: the first argument, or this repository. */
export function rootFromArguments() {
  return resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
}

/** Every file below `folder` (a path inside `root`), as sorted paths from `root` with forward slashes. */
export function walk(root, folder = '.') {
  const start = join(root, folder);
  if (!existsSync(start)) return [];
  const files = [];
  for (const entry of readdirSync(start, { withFileTypes: true })) {
    const path = relative(root, join(start, entry.name)).split(sep).join('/');
    if (IGNORED.test(path)) continue;
    if (entry.isDirectory()) files.push(...walk(root, path));
    else if (entry.isFile()) files.push(path);
  }
  return files.sort();
}

/** The files that git tracks or would track; all files where `root` is no git checkout. */
export function repositoryFiles(root) {
  if (!existsSync(join(root, '.git'))) return walk(root);
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const out = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  return [...new Set(out.split('\0'))]
    .filter((path) => path && existsSync(join(root, path)))
    .sort();
}

/** Prints the findings; the process fails when there is a problem. */
export function report(name, problems, warnings = []) {
  for (const warning of warnings) console.warn(`warning: ${warning}`);
  for (const problem of problems) console.error(`error: ${problem}`);
  const count = `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
  console.log(`${name}: ${problems.length === 0 ? 'ok' : count}`);
  if (problems.length > 0) process.exitCode = 1;
}
