/**
 * Runs the built command line in a child process, as a user does, and gives what it printed.
 *
 * `npm test` compiles dist/ first; these tests never import the commands themselves.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/bundle/main.js', import.meta.url));

/** A classifier with two layers and 64 numbers per token, small enough for every test. */
export const TINY = fileURLToPath(new URL('../fixtures/encoders/bert-seqcls', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Text for stdin. */
  readonly input?: string | Uint8Array;
  /** Called with everything on stderr so far. */
  readonly onStderr?: (text: string, child: ChildProcess) => void;
  /** Called with the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void;
  readonly env?: Readonly<Record<string, string>>;
}

/** The environment without what changes colours and widths, which tests set themselves. */
function usualEnv(): NodeJS.ProcessEnv {
  const { COLUMNS, FORCE_COLOR, NO_COLOR, ...env } = process.env;
  return env;
}

/** `sinter ...args`. */
export function sinter(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...usualEnv(), SINTER_DEBUG: '0', ...options.env },
  });
  options.onStart?.(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    options.onStderr?.(stderr, child);
  });
  child.stdin.end(options.input ?? '');
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The JSON document on stdout. */
export function jsonOf<T>({ stdout }: Outcome): T {
  return JSON.parse(stdout) as T;
}

/** A folder for a test file, removed at its end. */
export class Scratch {
  private root = '';

  constructor() {
    beforeAll(async () => {
      this.root = await mkdtemp(join(tmpdir(), 'sinter-cli-'));
    });
    afterAll(async () => {
      await rm(this.root, { recursive: true, force: true });
    });
  }

  path(...names: string[]): string {
    return join(this.root, ...names);
  }

  /** Writes a file and gives its path. */
  async file(name: string, content: string | Uint8Array): Promise<string> {
    await writeFile(this.path(name), content);
    return this.path(name);
  }

  /** Names in the folder, hidden ones too. */
  async names(): Promise<string[]> {
    return readdir(this.root);
  }
}

/** Labelled rows that the tiny tokenizer reads: `count` of each label. */
export function labelledCsv(count: number, labels: readonly string[] = ['bad', 'good']): string {
  const words = ['the film was', 'a story with', 'this is', 'one of the'];
  const rows = Array.from({ length: count * labels.length }, (_, i) => {
    const label = labels[i % labels.length] ?? '';
    return `${words[i % words.length]} ${label} number ${i},${label}`;
  });
  return `text,label\n${rows.join('\n')}\n`;
}
