// Runs the scripts of children/ in plain node, so that a crash ends the child and not the test run.
// Rule: the child inherits the environment, so sanitizers and SINTER_NATIVE reach it.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface ChildEnd {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or the name of the signal. */
  readonly end: number | string;
}

/** Sanitizers slow things down and keep freed memory. */
export const sanitized = (process.env.LD_PRELOAD ?? '').includes('san');

/** Runs children/`script`.mjs with these arguments. */
export function child(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ChildEnd> {
  const path = fileURLToPath(new URL(`children/${script}.mjs`, import.meta.url));
  const running = spawn(process.execPath, ['--expose-gc', path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  running.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  running.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    running.on('error', reject);
    running.on('close', (code, signal) =>
      resolve({ stdout, stderr: stderr.slice(-4000), end: signal ?? code ?? 'unknown' }),
    );
  });
}
