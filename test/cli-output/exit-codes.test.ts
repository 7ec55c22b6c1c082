/**
 * Which error ends the program with which code.
 *
 * The rule: every SinterError code has its line here, so that a new code needs a decision.
 */
import { describe, expect, it } from 'vitest';
import { EXIT_CODE_HELP, EXIT_CODES, exitCodeFor } from '../../lib/cli/exit-codes.js';
import { ERROR_CODES, rangeMistake, SinterError, typeMistake } from '../../lib/core/errors.js';
import { fileSystemError } from '../../lib/files/index.js';

const expected = {
  UNSUPPORTED_MODEL: 4,
  CORRUPT_MODEL: 4,
  INVALID_DATA: 3,
  OUT_OF_MEMORY: 5,
  CANCELLED: 130,
  OVERLOADED: 5,
  DISPOSED: 1,
  DEVICE: 5,
  INTERNAL: 1,
  UNAVAILABLE: 6,
  FILE_SYSTEM: 5,
  NOT_FOUND: 2,
};

describe('exitCodeFor', () => {
  it.each(ERROR_CODES)('%s', (code) => {
    expect(exitCodeFor(new SinterError(code, 'x'))).toBe(expected[code]);
  });

  it('tells argument mistakes from defects', () => {
    expect(exitCodeFor(typeMistake('--epochs', 'a number', 'x\ny'))).toBe(2);
    expect(exitCodeFor(rangeMistake('--epochs', 'above 0', 0))).toBe(2);
    expect(exitCodeFor(new TypeError('x is not a function'))).toBe(1);
    expect(exitCodeFor(new Error('x'))).toBe(1);
    expect(exitCodeFor('x')).toBe(1);
  });

  it('knows errors of commander, of the file system, and of AbortController', () => {
    const named = (name: string, rest: object) => Object.assign(new Error('x'), { name }, rest);
    expect(exitCodeFor(named('CommanderError', { exitCode: 0 }))).toBe(0);
    expect(exitCodeFor(named('CommanderError', { exitCode: 1 }))).toBe(2);
    expect(exitCodeFor(named('Error', { code: 'ENOENT' }))).toBe(2);
    expect(exitCodeFor(named('Error', { code: 'ENOSPC' }))).toBe(5);
    expect(exitCodeFor(named('AbortError', {}))).toBe(130);
  });

  it('a path that cannot be written is a mistake, a disk that is full is not', () => {
    for (const [errno, code] of Object.entries({
      EACCES: 2,
      EBUSY: 2,
      ENAMETOOLONG: 2,
      EROFS: 2,
      ELOOP: 2,
      ENOSPC: 5,
      EDQUOT: 5,
      EFBIG: 5,
      EMFILE: 5,
      EIO: 5,
    })) {
      expect(exitCodeFor(fileSystemError(errno, 'out'))).toBe(code);
    }
  });

  it('every code is in the help text', () => {
    for (const code of Object.values(EXIT_CODES)) {
      expect(EXIT_CODE_HELP).toMatch(new RegExp(`^  ${code} `, 'm'));
    }
  });
});
