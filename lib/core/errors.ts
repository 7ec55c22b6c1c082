/**
 * The two kinds of errors that Sinter throws, and the one way to word them.
 *
 * A mistake in an argument throws TypeError or RangeError at once; everything else is a SinterError whose code comes from
 * the closed list below. The native side has the same list; a drift test compares the two.
 */

/** The closed list of codes. Order and spelling match `native/base/errors.inc`. */
export const ERROR_CODES = [
  'UNSUPPORTED_MODEL',
  'CORRUPT_MODEL',
  'INVALID_DATA',
  'OUT_OF_MEMORY',
  'CANCELLED',
  'OVERLOADED',
  'DISPOSED',
  'DEVICE',
  'INTERNAL',
  'UNAVAILABLE',
  'FILE_SYSTEM',
  'NOT_FOUND',
] as const;

/** A code of `ERROR_CODES`; docs/guide/troubleshooting.md has the causes of each. */
export type SinterErrorCode = (typeof ERROR_CODES)[number];

/** Place and sizes of the failure as data, for programs that handle it: file, byteOffset, line, column, wantedBytes ... */
export type ErrorDetails = Readonly<Record<string, string | number | readonly string[]>>;

/** Every failure that is not a mistake in an argument. `code` is stable; `message` is for people. */
export class SinterError extends Error {
  override readonly name = 'SinterError';
  /** What went wrong, for programs. Codes keep their meaning. */
  readonly code: SinterErrorCode;
  /** Place and sizes of the failure; empty if there are none. */
  readonly details: ErrorDetails;

  constructor(
    code: SinterErrorCode,
    message: string,
    options: { details?: ErrorDetails; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Shows a received value in a message: short and unambiguous. Long strings are cut; arrays and objects are only named. */
export function show(value: unknown): string {
  if (typeof value === 'string') {
    return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  }
  if (value === null || value === undefined || typeof value !== 'object') return String(value);
  if (Array.isArray(value)) return `an array of ${value.length}`;
  return `a ${value.constructor?.name ?? 'null-prototype object'}`;
}

/** `where must be what, got value`: the wording of every argument mistake. */
export function typeMistake(where: string, what: string, got: unknown): TypeError {
  return new TypeError(`${where} must be ${what}, got ${show(got)}`);
}

/** As typeMistake, for a value of the right kind outside its range. */
export function rangeMistake(where: string, what: string, got: unknown): RangeError {
  return new RangeError(`${where} must be ${what}, got ${show(got)}`);
}

/** Throws a SinterError CANCELLED if the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, where: string): void {
  if (signal?.aborted) {
    throw new SinterError('CANCELLED', `${where} was cancelled`, { cause: signal.reason });
  }
}
