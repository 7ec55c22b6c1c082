/**
 * What a person reads when a command fails: one line that says what is wrong, and where it helps one that says what
 * to do.
 *
 * The rule: a stack is shown only when it was asked for (SINTER_DEBUG=1) and names of files and labels are printed
 * with control characters made visible.
 */
import { SinterError } from '../core/errors.js';
import { errnoOf, problemOf } from '../files/index.js';
import { EXIT_CODES, type ExitCode, exitCodeFor } from './exit-codes.js';
import { printable, printableLines } from './output.js';

export interface Failure {
  /** Empty when the message has been printed already. */
  readonly text: string;
  readonly exitCode: ExitCode;
}

export interface FailureContext {
  /** The user pressed Ctrl+C. */
  readonly cancelled: boolean;
  readonly stack: boolean;
}

const DEBUG_HINT = 'set SINTER_DEBUG=1 to see where it happened';

const HINTS: Partial<Record<ExitCode, string>> = {
  [EXIT_CODES.internal]: `this is a defect of sinter; ${DEBUG_HINT}`,
  [EXIT_CODES.model]: '`sinter inspect DIR` shows what a model folder holds',
};

/** The lines for stderr and the exit code for what a command threw. */
export function describeFailure(error: unknown, context: FailureContext): Failure {
  // commander has printed its message, with a suggestion where there is one.
  if (error instanceof Error && error.name === 'CommanderError') {
    return { text: '', exitCode: exitCodeFor(error) };
  }
  const exitCode = exitCodeFor(error);
  const isCancelled = exitCode === EXIT_CODES.cancelled || context.cancelled;
  const lines = isCancelled ? ['cancelled'] : [`error: ${printable(messageOf(error))}`];
  const hint = isCancelled ? undefined : hintFor(error, exitCode);
  if (hint !== undefined) lines.push(`hint: ${hint}`);
  if (context.stack && error instanceof Error) lines.push(printableLines(stackOf(error)));
  return {
    text: `${lines.join('\n')}\n`,
    exitCode: isCancelled ? EXIT_CODES.cancelled : exitCode,
  };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const errno = errnoOf(error);
  if (errno === null || error instanceof SinterError) return error.message;
  const { path } = error as NodeJS.ErrnoException;
  return path === undefined ? error.message : `${path}: ${problemOf(errno)}`;
}

function hintFor(error: unknown, exitCode: ExitCode): string | undefined {
  if (error instanceof SinterError && error.code === 'OUT_OF_MEMORY') {
    return 'fewer --threads, a smaller --batch-size or a lower --max-tokens need less memory';
  }
  return errnoOf(error) === null ? HINTS[exitCode] : undefined;
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
