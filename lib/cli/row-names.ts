/**
 * Which row of which file a mistake is in: the library knows `rows[12]` only, and a held-out share has mixed them.
 */

/** Rows that were given to the library, and where they come from. */
export interface RowPlace {
  readonly file: string;
  readonly rows: readonly object[];
  /** The same rows in the order of the file, and those that another place has of it. */
  readonly all: readonly object[];
}

/** Names of `rows` and `eval` in messages. */
export type RowPlaces = Readonly<Partial<Record<'rows' | 'eval', RowPlace>>>;

const ROW = /(?:\w+: )?\b(rows|eval)\[(\d+)\]((?:\.\w+|\[\d+\])*)/;

/** What `work` gives; a mistake in a row names the row as the file counts them, from 1 and without a header. */
export async function withRowNames<T>(places: RowPlaces, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error) error.message = error.message.replace(ROW, named(places));
    throw error;
  }
}

function named(places: RowPlaces) {
  return (whole: string, name: string, index: string, path: string): string => {
    const place = places[name as 'rows' | 'eval'];
    const row = place?.rows[Number(index)];
    if (place === undefined || row === undefined) return whole;
    const steps = path.match(/\w+/g) ?? [];
    const words = steps.map((step) => (/^\d/.test(step) ? `item ${Number(step) + 1}` : step));
    const inside = words.length === 0 ? '' : `: ${words.join(', ')}`;
    return `${place.file}: row ${place.all.indexOf(row) + 1}${inside}`;
  };
}
