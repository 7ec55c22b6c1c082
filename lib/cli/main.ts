#!/usr/bin/env node
/**
 * The `sinter` program: runs one command and ends with a documented exit code.
 *
 * The rule: nothing below this file calls process.exit or reads process.argv; Ctrl+C, SIGTERM and SIGHUP arrive as an
 * AbortSignal, so that a command can remove what it has begun.
 */
import { fileError } from '../files/index.js';
import { EXIT_CODES } from './exit-codes.js';
import { describeFailure } from './failure.js';
import { inFlags } from './option-names.js';
import { printable } from './output.js';
import { Page } from './page.js';
import { createProgram, flagsOf } from './program.js';
import { screenOf } from './screen.js';

const abort = new AbortController();

function end(): void {
  // A second signal ends the program without waiting for cleanup.
  if (abort.signal.aborted) process.exit(EXIT_CODES.cancelled);
  abort.abort();
}

/** What a command does at SIGHUP, in place of its end. */
let onHangUp: (() => void) | null = null;

/** Signals of a terminal reach all of its processes: of those of a server the first one hears them, and tells the others. */
const isChild = process.env.SINTER_SERVE_PROCESS !== undefined && process.send !== undefined;

process.on('SIGTERM', end);
process.on('SIGINT', () => {
  if (!isChild) end();
});
process.on('SIGHUP', () => {
  if (isChild) return;
  // A terminal that was closed takes its programs with it; other ones get this signal from a person or a program.
  if (onHangUp === null || process.stdout.isTTY) end();
  else onHangUp();
});

/** The error of a failed write to stdout: the work ends as with Ctrl+C, but for another reason. */
let refused: Error | null = null;

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader of stdout that has gone (`sinter embed ... | head`) is no failure.
  if (error.code === 'EPIPE') process.exit(EXIT_CODES.ok);
  if (refused !== null) return;
  refused = error;
  abort.abort();
  fail(fileError(error, 'stdout'), false);
});
// SIGHUP: the terminal was closed, so nobody would read a message.
process.stderr.on('error', () => {});

function fail(error: unknown, cancelled: boolean): void {
  const stack = process.env.SINTER_DEBUG === '1';
  const { text, exitCode } = describeFailure(error, {
    cancelled,
    stack,
    command: process.argv[2] ?? '',
    flags: flagsOf(program, process.argv[2]),
    screen: screenOf(process.stderr),
  });
  process.stderr.write(text);
  process.exitCode = exitCode;
}

// Warnings of the library are printed as one line, as notes are.
const others = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
  if (warning.code?.startsWith('SINTER_')) {
    const message = inFlags(warning.message, flagsOf(program, process.argv[2]));
    new Page(process.stderr).print(`${printable(message)}\n`, 'warning');
  } else for (const listener of others) listener(warning);
});

const program = createProgram({
  stdout: process.stdout,
  stderr: process.stderr,
  signal: abort.signal,
  onHangUp: (listener) => {
    onHangUp = listener;
  },
  args: process.argv.slice(2),
});

try {
  if (process.argv.length <= 2) program.outputHelp();
  else await program.parseAsync(process.argv);
} catch (error) {
  if (refused === null) fail(error, abort.signal.aborted);
}
