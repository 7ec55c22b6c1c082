/**
 * The exit codes of the command line and the errors that lead to them.
 *
 * The rule: scripts depend on these numbers; a code never changes its meaning.
 */
import { SinterError, type SinterErrorCode } from '../core/errors.js';
import { errnoOf } from '../files/index.js';

export const EXIT_CODES = {
  ok: 0,
  internal: 1,
  usage: 2,
  data: 3,
  model: 4,
  device: 5,
  unavailable: 6,
  gate: 7,
  cancelled: 130,
} as const;

export type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES];

/** The table as `--help` and the docs show it. */
export const EXIT_CODE_HELP = `Exit codes:
  0    done
  1    an unexpected error (please report it)
  2    a mistake in the command line: an option, an argument, a path where no model is or nothing can be written
  3    a data file that is missing or cannot be used (the message names file, line and column)
  4    a model that is damaged or of a kind that is not supported
  5    not enough memory or room on the disk, or a device that cannot do what was asked
  6    a model that is not in the cache, not on the hub, or could not be fetched
  7    a compressed model that lost more than was allowed, or did not reach its target
  130  cancelled (Ctrl+C, SIGTERM, SIGHUP)
`;

const BY_ERROR_CODE: Readonly<Record<SinterErrorCode, ExitCode>> = {
  UNSUPPORTED_MODEL: EXIT_CODES.model,
  CORRUPT_MODEL: EXIT_CODES.model,
  INVALID_DATA: EXIT_CODES.data,
  OUT_OF_MEMORY: EXIT_CODES.device,
  OVERLOADED: EXIT_CODES.device,
  DEVICE: EXIT_CODES.device,
  CANCELLED: EXIT_CODES.cancelled,
  DISPOSED: EXIT_CODES.internal,
  INTERNAL: EXIT_CODES.internal,
  UNAVAILABLE: EXIT_CODES.unavailable,
  FILE_SYSTEM: EXIT_CODES.device,
  NOT_FOUND: EXIT_CODES.usage,
};

/** Errnos of a path on the command line that cannot be opened or written; any other is a failure of the device. */
const PATH_PROBLEMS: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EACCES',
  'EPERM',
  'EROFS',
  'EEXIST',
  'ENOTEMPTY',
  'EBUSY',
  'ENAMETOOLONG',
  'ELOOP',
  'EXDEV',
  'ETXTBSY',
  'EINVAL',
]);

/** Argument mistakes have a fixed wording (core/errors.ts); other TypeErrors are defects of the program. */
const MISTAKE = / must be .*, got /s;

/** A compressed model that failed its gate, or did not reach its target. */
export class GateFailure extends Error {
  override readonly name = 'GateFailure';
}

/** A process that did the work of a command, and has said why it failed; the command ends as it did. */
export class ProcessFailure extends Error {
  override readonly name = 'ProcessFailure';

  constructor(
    message: string,
    private readonly code: number | null,
  ) {
    super(message);
  }

  /** Its exit code; that of a defect where a signal ended it. */
  get exitCode(): ExitCode {
    const known: readonly number[] = Object.values(EXIT_CODES);
    const isKnown = this.code !== null && this.code !== 0 && known.includes(this.code);
    return isKnown ? (this.code as ExitCode) : EXIT_CODES.internal;
  }
}

/** The exit code for what a command threw. */
export function exitCodeFor(error: unknown): ExitCode {
  const errno = errnoOf(error);
  if (errno !== null) return PATH_PROBLEMS.has(errno) ? EXIT_CODES.usage : EXIT_CODES.device;
  if (error instanceof SinterError) return BY_ERROR_CODE[error.code];
  if (error instanceof GateFailure) return EXIT_CODES.gate;
  if (error instanceof ProcessFailure) return error.exitCode;
  if (!(error instanceof Error)) return EXIT_CODES.internal;
  if (error.name === 'AbortError') return EXIT_CODES.cancelled;
  // commander throws these for --help and --version (exit code 0) and for usage errors.
  if (error.name === 'CommanderError' || error.name === 'InvalidArgumentError') {
    return 'exitCode' in error && error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
  }
  if (error instanceof TypeError || error instanceof RangeError) {
    return MISTAKE.test(error.message) ? EXIT_CODES.usage : EXIT_CODES.internal;
  }
  return EXIT_CODES.internal;
}
