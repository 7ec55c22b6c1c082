#!/usr/bin/env node
/**
 * The `sinter` program: runs one command and ends with a documented exit code.
 *
 * The rule: nothing below this file calls process.exit or reads process.argv; Ctrl+C arrives as an AbortSignal, so that
 * a command can remove what it has begun.
 */
import { EXIT_CODES } from './exit-codes.js';
import { describeFailure } from './failure.js';
import { printable } from './output.js';
import { createProgram } from './program.js';

const abort = new AbortController();

process.on('SIGINT', () => {
  // The second Ctrl+C does not wait for anything.
  if (abort.signal.aborted) process.exit(EXIT_CODES.cancelled);
  abort.abort();
});

// A reader that went away (`sinter embed ... | head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.ok);
  throw error;
});

// What the library has to say about a model is one line here too.
const others = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
  if (warning.code?.startsWith('SINTER_')) process.stderr.write(`${printable(warning.message)}\n`);
  else for (const listener of others) listener(warning);
});

const program = createProgram({
  stdout: process.stdout,
  stderr: process.stderr,
  signal: abort.signal,
  args: process.argv.slice(2),
});

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync(process.argv);
} catch (error) {
  const { text, exitCode } = describeFailure(error, {
    cancelled: abort.signal.aborted,
    stack: process.env.SINTER_DEBUG === '1',
  });
  process.stderr.write(text);
  process.exitCode = exitCode;
}
