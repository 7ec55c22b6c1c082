/**
 * Looks at the beginning of a text that can be read only once, without losing it.
 */

/** At least the first `units` UTF-16 units, or the whole text if it is shorter; the returned `text` still begins with them. */
export async function peek(
  pieces: AsyncIterable<string>,
  units: number,
): Promise<{ readonly head: string; readonly text: AsyncIterable<string> }> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first: string[] = [];
  let length = 0;
  let isOver = false;
  while (length < units) {
    const { value, done } = await iterator.next();
    if (done === true) {
      isOver = true;
      break;
    }
    first.push(value);
    length += value.length;
  }
  const rest = async function* () {
    try {
      yield* first;
      while (!isOver) {
        const { value, done } = await iterator.next();
        if (done === true) break;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  return { head: first.join(''), text: rest() };
}
