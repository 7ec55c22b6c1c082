// Arguments of `referenceProduct`: [2, 3] times [3, 4], each wrong in one way.
import { border } from './small.mjs';

const product = (changes) => () => {
  const right = {
    a: new Float64Array(6),
    b: new Int8Array(12),
    zero: null,
    rows: 2,
    depth: 3,
    columns: 4,
    out: new Float64Array(8),
  };
  const { a, b, zero, rows, depth, columns, out } = { ...right, ...changes };
  border.referenceProduct(a, b, zero, rows, depth, columns, out);
};

/** An array whose buffer was transferred. */
const detached = () => {
  const array = new Float64Array(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};

export const productCases = [
  ['product', 'fine', product({})],
  [
    'product of nothing',
    'fine',
    product({ a: new Float64Array(), rows: 0, out: new Float64Array() }),
  ],
  ['product without arguments', 'INTERNAL', () => border.referenceProduct()],
  ['product of floats', 'INTERNAL', product({ a: new Float32Array(6) })],
  ['product, a short', 'INTERNAL', product({ a: new Float64Array(5) })],
  ['product, b short', 'INTERNAL', product({ b: new Int8Array(11) })],
  ['product, b of big integers', 'INTERNAL', product({ b: new BigInt64Array(12) })],
  ['product, b a list', 'INTERNAL', product({ b: Array(12).fill(0) })],
  ['product, out short', 'INTERNAL', product({ out: new Float64Array(7) })],
  ['product, out of bytes', 'INTERNAL', product({ out: new Uint8Array(8) })],
  ['product, out detached', 'INTERNAL', product({ out: detached() })],
  ['product, zero short', 'INTERNAL', product({ zero: new Float64Array(3) })],
  ['product, zero of floats', 'INTERNAL', product({ zero: new Float32Array(4) })],
  ['product, rows -1', 'INTERNAL', product({ rows: -1 })],
  ['product, rows NaN', 'INTERNAL', product({ rows: Number.NaN })],
  ['product, rows 2.5', 'INTERNAL', product({ rows: 2.5 })],
  ['product, rows beyond memory', 'INTERNAL', product({ rows: 2 ** 31, depth: 2 ** 31 })],
  ['product, columns a text', 'INTERNAL', product({ columns: '4' })],
];
