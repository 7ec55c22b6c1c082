/**
 * The beginning of a text that is read once, and the whole of it all the same.
 */

/** The first `units` UTF-16 units at least, or all there are; `text` begins with them again. */
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
