// Checks every source file for its opening comment, its length and paths that only exist on one machine.
// More than 400 lines is a warning, more than 600 an error; kernel tables (.inc) may be longer.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { report, repositoryFiles, rootFromArguments } from './source-files.mjs';

const WARN_LINES = 400;
const MAX_LINES = 600;
const SOURCE = /\.(ts|mts|mjs|js|cc|h|inc|cu|py|sh)$/;
const TEXT =
  /\.(ts|mts|mjs|js|cc|h|inc|cu|py|sh|md|json|gyp|gypi|txt|html|yml|yaml)$|^[^.]+$|^\.ci\//;
const SKIPPED = /^(test\/fixtures|models|package-lock\.json|LICENSE)/;
// A path in a home folder or on a drive exists on one machine only.
const MACHINE_PATH =
  /(?<![\w.:/~-])(?:\/(?:home|root|Users|work|workspace)\/[\w.-]+|[A-Z]:\\[\w.-]+)/;

const root = rootFromArguments();
const problems = [];
const warnings = [];

function checkOpening(file, text) {
  const body = text.replace(/^#!.*\n/, '').trimStart();
  if (!/^(\/\/|\/\*|#(?!\s*(include|pragma|if)))/.test(body)) {
    problems.push(
      `${file}:1: must open with a comment: what the file is, and the one rule to know`,
    );
  }
}

for (const file of repositoryFiles(root)) {
  if (SKIPPED.test(file) || !TEXT.test(file)) continue;
  if (statSync(join(root, file)).size > 1 << 20) continue;
  const text = readFileSync(join(root, file), 'utf8');
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const match = MACHINE_PATH.exec(line);
    if (match) problems.push(`${file}:${index + 1}: ${match[0]} is a path of one machine`);
  }
  if (!SOURCE.test(file)) continue;
  checkOpening(file, text);
  if (file.endsWith('.inc')) continue;
  const count = lines.length - 1;
  if (count > MAX_LINES) problems.push(`${file}: ${count} lines, at most ${MAX_LINES} are allowed`);
  else if (count > WARN_LINES) warnings.push(`${file}: ${count} lines, split it (${WARN_LINES})`);
}

report('files', problems, warnings);
