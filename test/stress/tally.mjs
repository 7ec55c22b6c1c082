// The record of a stress run: how calls ended, wrong results, promises that never settle. The rule: every call of the library
// goes through `watch`.

/** Random numbers of a seed (mulberry32), so that a run's choices can be repeated. */
export function randomOf(seed) {
  let state = seed >>> 0;
  const unit = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (n) => Math.floor(unit() * n);
  return {
    below,
    chance: (share) => unit() < share,
    pick: (list) => list[below(list.length)],
    /** A random part of the seed for somebody else. */
    split: () => randomOf(below(2 ** 32)),
  };
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The same bits. */
export const same = (a, b) =>
  a.length === b.length &&
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );

export class Tally {
  /** The number of calls per outcome: 'done' or the code of an error. */
  ends = {};
  /** Events that must never happen, in words. */
  faults = [];
  #open = new Map();
  #next = 0;

  /**
   * Waits for a call. `check` gets its value and returns what is wrong with it, or null. `allowed` are the codes with which it
   * may fail.
   */
  async watch(name, promise, check, allowed = []) {
    const id = this.#next++;
    this.#open.set(id, name);
    try {
      const fault = check(await promise);
      if (fault !== null) this.fault(`${name}: ${fault}`);
      this.#count('done');
    } catch (error) {
      const code = error?.code ?? error?.name ?? String(error);
      if (!allowed.includes(code)) this.fault(`${name}: ${error?.stack ?? error}`);
      this.#count(code);
    } finally {
      this.#open.delete(id);
    }
  }

  fault(text) {
    if (this.faults.length < 20) this.faults.push(text);
  }

  /** Names of the calls that have not settled. */
  get open() {
    return [...this.#open.values()];
  }

  #count(code) {
    this.ends[code] = (this.ends[code] ?? 0) + 1;
  }
}
