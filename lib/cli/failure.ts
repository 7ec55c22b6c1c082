/**
 * Formats the failure of a command: one line that says what is wrong, and where it helps one that says what to do next.
 *
 * The rule: no hint suggests what was done already, be it a command or a setting; a stack is shown only when it was asked for
 * (SINTER_DEBUG=1) and names of files and labels are printed with control characters made visible.
 */
import { SinterError } from '../core/errors.js';
import { errnoOf, problemOf } from '../files/index.js';
import { EXIT_CODES, type ExitCode, exitCodeFor } from './exit-codes.js';
import { type Flags, inFlags } from './option-names.js';
import { printable, printableLines } from './output.js';
import { type Screen, type Style, styled } from './screen.js';
import { wrapWords } from './width.js';

export interface Failure {
  /** Empty when the message has been printed already. */
  readonly text: string;
  readonly exitCode: ExitCode;
}

export interface FailureContext {
  /** The user pressed Ctrl+C. */
  readonly cancelled: boolean;
  readonly stack: boolean;
  /** The command that was run; empty where none was given. */
  readonly command: string;
  /** Long flags of the command. Default: none. */
  readonly flags?: Flags;
  /** Where the lines are shown. Default: without colours. */
  readonly screen?: Screen;
}

const NO_FLAGS: Flags = new Set();
const PLAIN: Screen = { columns: 80, cuts: false, hasColours: false };
/** Matches messages that already say what to do. */
const OWN_ADVICE =
  /`|; (?:load|merge|fetch|give|weights that|[\w.]+ is an adapter)|: true|: load one/;
const DEFECT = 'this is a defect of sinter';
const DEBUG_HINT = 'set SINTER_DEBUG=1 to see where it happened';

/** What to lower when memory runs out, by command; names only options that the command has. */
const MEMORY_HINTS: Readonly<Record<string, string>> = {
  bench: 'fewer --threads or a lower --limit need less memory',
  embed: 'fewer --threads or a lower --max-tokens need less memory',
  evaluate: 'fewer --threads need less memory',
  predict: 'fewer --threads or a lower --max-tokens need less memory',
  quickstart: 'fewer --threads or a smaller --batch-size need less memory',
  train: 'fewer --threads, a smaller --batch-size or a lower --max-tokens need less memory',
};

/** The lines for stderr and the exit code for what a command threw. */
export function describeFailure(error: unknown, context: FailureContext): Failure {
  // commander has printed its message, with a suggestion where there is one.
  if (error instanceof Error && error.name === 'CommanderError') {
    return { text: '', exitCode: exitCodeFor(error) };
  }
  const exitCode = exitCodeFor(error);
  const isCancelled = exitCode === EXIT_CODES.cancelled || context.cancelled;
  const { screen = PLAIN, flags = NO_FLAGS } = context;
  const [first = '', ...more] = errorLines(error, flags);
  const lines = isCancelled
    ? ['cancelled']
    : [marked('error', 'error', first, screen), ...more.map((line) => fitted(line, 0, screen))];
  const hint = isCancelled ? undefined : hintFor(error, exitCode, context);
  if (hint !== undefined) lines.push(marked('hint', 'heading', hint, screen));
  if (context.stack && error instanceof Error) lines.push(printableLines(stackOf(error)));
  return {
    text: `${lines.join('\n')}\n`,
    exitCode: isCancelled ? EXIT_CODES.cancelled : exitCode,
  };
}

/** The text after a mark such as "error:", which has the style. */
function marked(mark: string, style: Style, text: string, screen: Screen): string {
  const before = `${mark}:`;
  return `${styled(before, style, screen)} ${fitted(text, before.length + 1, screen)}`;
}

/** On a terminal, lines that end between words; paths stay whole. The first line has `used` columns less. */
function fitted(text: string, used: number, { columns, cuts }: Screen): string {
  return cuts ? wrapWords(text, columns - Math.max(used, 2), false).join('\n  ') : text;
}

/** The message, and one more line for each kind of problem in a data file. */
function errorLines(error: unknown, flags: Flags): string[] {
  const shown = (text: string) => printable(inFlags(text, flags));
  const message = messageOf(error);
  const problems = error instanceof SinterError ? error.details.problems : undefined;
  if (!Array.isArray(problems)) return [shown(message)];
  const summary = message.slice(0, message.indexOf(`\n  ${problems[0]}`));
  return [shown(summary), ...problems.map((one) => `  ${shown(one)}`)];
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const errno = errnoOf(error);
  if (error instanceof SinterError || errno === null) return error.message;
  const { path } = error as NodeJS.ErrnoException;
  return path === undefined ? error.message : `${path}: ${problemOf(errno)}`;
}

/** What to do next; undefined where there is nothing left to try. */
function hintFor(
  error: unknown,
  exitCode: ExitCode,
  { command, stack }: FailureContext,
): string | undefined {
  if (error instanceof SinterError && error.code === 'OUT_OF_MEMORY') return MEMORY_HINTS[command];
  if (errnoOf(error) !== null) return undefined;
  if (exitCode === EXIT_CODES.internal) return stack ? DEFECT : `${DEFECT}; ${DEBUG_HINT}`;
  // For an ONNX file `inspect` would fail in the same way, because it loads the file as every command does.
  if (exitCode !== EXIT_CODES.model || command === 'inspect' || isAboutOnnx(error))
    return undefined;
  if (error instanceof Error && OWN_ADVICE.test(error.message)) return undefined;
  return '`sinter inspect DIR` shows what a model folder holds';
}

function isAboutOnnx(error: unknown): boolean {
  if (!(error instanceof SinterError)) return false;
  const { file } = error.details;
  return typeof file === 'string' && file.toLowerCase().endsWith('.onnx');
}

function stackOf(error: Error): string {
  const own = error.stack ?? String(error);
  return error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause)}` : own;
}
