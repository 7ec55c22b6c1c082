/** The functions of the core that take nothing from a C library, against exact integers and against V8's own. */
import { describe, expect, it } from 'vitest';
import { math } from './internals.js';

describe('powers', () => {
  /** The double next to x^n, by integers: x is an integer over 2^k. */
  function exactPower(x: number, n: number): number {
    let k = 0;
    for (; !Number.isInteger(x * 2 ** k); k++);
    const whole = BigInt(x * 2 ** k) ** BigInt(n);
    const bits = whole.toString(16).length * 4;
    // 100 bits, the last of which stands for all that are cut off, are rounded as the whole number is.
    const cut = Math.max(0, bits - 100);
    const top = (whole >> BigInt(cut)) | (cut > 0 ? 1n : 0n);
    return Number(top) * 2 ** (cut - k * n);
  }

  it.each([0.9, 0.999, 0.98, 0.95, 0.5, 0.123, 1 - 2 ** -53])('of %d are the next doubles', (x) => {
    const exponents = [0, 1, 2, 3, 7, 10, 31, 64, 100, 255];
    for (const n of exponents) expect(math.power(x, n), `${x}^${n}`).toBe(exactPower(x, n));
  });

  it.each([0.9, 0.999])('of %d stay so over the steps of a training', (x) => {
    for (let n = 1; n < 900; n++) expect(math.power(x, n), `${x}^${n}`).toBe(exactPower(x, n));
  });

  it('go to 0 for large exponents, and are 1 and 0 for 1 and 0', () => {
    expect(math.power(0.9, 1e9)).toBe(0);
    expect(math.power(1, 1e9)).toBe(1);
    expect(math.power(0, 5)).toBe(0);
    expect(math.power(0, 0)).toBe(1);
  });
});

describe('logarithms and exponentials', () => {
  // Those of V8 are within a unit in the last place.
  const BOUND = 1e-15 + 2 ** -52;

  it('of numbers of all sizes are as near as promised', () => {
    for (let i = 1; i < 4000; i++) {
      const x = (1 + i / 4001) * 2 ** ((i % 2000) - 1000);
      const exact = Math.log(x);
      expect(Math.abs(math.log(x) - exact), `ln ${x}`).toBeLessThanOrEqual(BOUND * Math.abs(exact));
      const y = (i - 2000) / 2.9;
      expect(Math.abs(math.exp(y) / Math.exp(y) - 1), `e^${y}`).toBeLessThanOrEqual(BOUND);
    }
  });

  it('of 1 and 0 are exact', () => {
    expect(math.log(1)).toBe(0);
    expect(math.exp(0)).toBe(1);
  });
});
