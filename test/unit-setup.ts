// Keeps tests of the project `unit` what they are: many in one process, in threads of it. Rule: a test that loads native code,
// starts a process or changes the current folder belongs to `native` or `slow` (test/projects.ts), and fails here.
import childProcess from 'node:child_process';
import { syncBuiltinESMExports } from 'node:module';

const REFUSED =
  'is for tests of the projects native and slow: take this file off UNIT in test/projects.ts';

function refuse(what: string): () => never {
  return () => {
    throw new Error(`${what} ${REFUSED}`);
  };
}

process.dlopen = refuse('native code');
for (const name of [
  'spawn',
  'spawnSync',
  'exec',
  'execSync',
  'execFile',
  'execFileSync',
  'fork',
] as const) {
  childProcess[name] = refuse(`child_process.${name}`) as never;
}
syncBuiltinESMExports();
