// What every test file has: arrays of numbers with the same bytes are equal at once. Rule: nothing else becomes equal. Vitest
// looks at the numbers one by one, a second for 300,000 of them; it still does where bytes differ, and says which.
import { expect } from 'vitest';

type Numbers = Float32Array | Uint8Array;

const isNumbers = (value: unknown): value is Numbers =>
  ArrayBuffer.isView(value) && !(value instanceof DataView);

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers) =>
  Buffer.from(buffer, byteOffset, byteLength);

expect.addEqualityTesters([
  (a: unknown, b: unknown) => {
    if (!isNumbers(a) || !isNumbers(b)) return undefined;
    if (a.constructor !== b.constructor || a.byteLength !== b.byteLength) return undefined;
    return bytesOf(a).equals(bytesOf(b)) ? true : undefined;
  },
]);
