/**
 * What was computed of an array before, told by the array itself: all layers of a model move their elements alike, so the second
 * one costs nothing.
 *
 * Arrays of forms are never changed after they are made; that is what this relies on.
 */

export class Memo {
  private readonly numbers = new WeakMap<object, number>();
  private readonly results = new Map<string, unknown>();
  private next = 1;

  /** A number for each object, 0 for null: parts of keys. */
  id(object: object | null): number {
    if (object === null) return 0;
    const known = this.numbers.get(object);
    if (known !== undefined) return known;
    this.numbers.set(object, this.next);
    return this.next++;
  }

  /** The result that was made under this key before, else a new one. Errors are not kept. */
  once<T>(key: string, make: () => T): T {
    const known = this.results.get(key);
    if (known !== undefined) return known as T;
    const made = make();
    this.results.set(key, made);
    return made;
  }
}
