/**
 * Builds the errors about data files: INVALID_DATA with the file, the line and the column.
 *
 * The rule: the message begins with `file:line:` so that editors and terminals can jump to the place.
 */
import { SinterError } from '../core/errors.js';

export interface DataPlace {
  readonly line?: number;
  readonly column?: string | number;
  readonly byteOffset?: number;
  /** Role of a column that has to be named, because it cannot be guessed. */
  readonly unknownColumn?: 'text' | 'label';
  readonly cause?: unknown;
}

/** An INVALID_DATA error `file:line: message`, its place repeated in `details`. */
export function dataProblem(file: string, message: string, place: DataPlace = {}): SinterError {
  const { line, column, byteOffset, unknownColumn, cause } = place;
  const where = line === undefined ? file : `${file}:${line}`;
  return new SinterError('INVALID_DATA', `${where}: ${message}`, {
    details: {
      file,
      ...(line !== undefined && { line }),
      ...(column !== undefined && { column }),
      ...(byteOffset !== undefined && { byteOffset }),
      ...(unknownColumn !== undefined && { unknownColumn }),
    },
    ...(cause !== undefined && { cause }),
  });
}

/** A row that cannot be used, though the rows after it can. Problems of one `kind` are counted together. */
export class RowProblem extends SinterError {
  constructor(
    file: string,
    message: string,
    readonly place: DataPlace & { readonly line: number },
    readonly kind: string = message,
  ) {
    const { message: text, details } = dataProblem(file, message, place);
    super('INVALID_DATA', text, {
      details,
      ...(place.cause !== undefined && { cause: place.cause }),
    });
  }
}

/** A list of names for a message: quoted, the first few only. */
export function listNames(names: readonly string[], limit = 8): string {
  const shown = names.slice(0, limit).map((name) => JSON.stringify(clip(name)));
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

/** A name for a message, cut if it is long. */
export function clip(text: string, limit = 60): string {
  return text.length > limit ? `${text.slice(0, limit - 3)}...` : text;
}
