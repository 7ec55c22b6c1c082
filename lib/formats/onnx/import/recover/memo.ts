/**
 * Results of computations by the identity of their input arrays: all layers of a model move their elements alike, so only the
 * first one costs time.
 *
 * This relies on forms whose arrays are never changed after they are made.
 */

export class Memo {
  private readonly numbers = new WeakMap<object, number>();
  private readonly results = new Map<string, unknown>();
  private next = 1;

  /** A number that identifies an object in keys; 0 for null. */
  id(object: object | null): number {
    if (object === null) return 0;
    const known = this.numbers.get(object);
    if (known !== undefined) return known;
    this.numbers.set(object, this.next);
    return this.next++;
  }

  /** Returns the earlier result for this key, or calls `make`. Errors are not kept. */
  once<T>(key: string, make: () => T): T {
    const known = this.results.get(key);
    if (known !== undefined) return known as T;
    const made = make();
    this.results.set(key, made);
    return made;
  }
}
