/** Decimal numbers for float32 values. The rule: the decimal reads back as the same float32, with as few digits as that takes. */

/** The shortest decimal number that reads back as this f32. */
export function shortFloat(value: number): number {
  for (let digits = 6; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}

/** For JSON.stringify: numbers with the fewest digits that read back as the same f32. */
export const shortFloats = (_key: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? shortFloat(Math.fround(value)) : value;
