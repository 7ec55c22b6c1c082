// Arguments of the functions over typed arrays, each wrong in one way.
import { border } from './small.mjs';

/** [2, 3] times [3, 4]. */
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

/** Two columns of three elements to three rows. */
const gather = (changes) => () => {
  const right = {
    from: new Float32Array(8),
    at: 1,
    rows: 3,
    columns: 2,
    rowStep: 1,
    columnStep: 4,
    to: new Float32Array(6),
  };
  const { from, at, rows, columns, rowStep, columnStep, to } = { ...right, ...changes };
  border.gatherRows(from, at, rows, columns, rowStep, columnStep, to);
};

/** Two numbers as JSON, from the second byte on. */
const json = (changes) => () => {
  const right = { values: Float32Array.of(1, -2.5), to: new Uint8Array(35), at: 1 };
  const { values, to, at } = { ...right, ...changes };
  border.writeFloat32Json(values, to, at);
};

/** Memory that went elsewhere. */
const detached = (Kind = Float64Array) => {
  const array = new Kind(64);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};

export const arrayCases = [
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
  ['gather', 'fine', gather({})],
  ['gather of nothing', 'fine', gather({ rows: 0, at: 9, to: new Float32Array() })],
  ['gather without arguments', 'INTERNAL', () => border.gatherRows()],
  ['gather of doubles', 'INTERNAL', gather({ from: new Float64Array(8), to: new Float64Array(6) })],
  ['gather to bytes', 'INTERNAL', gather({ to: new Int8Array(6) })],
  ['gather, from short', 'INTERNAL', gather({ from: new Float32Array(7) })],
  ['gather, to short', 'INTERNAL', gather({ to: new Float32Array(5) })],
  ['gather, at beyond', 'INTERNAL', gather({ at: 2 })],
  ['gather, at -1', 'INTERNAL', gather({ at: -1 })],
  ['gather, rowStep 2^31', 'INTERNAL', gather({ rowStep: 2 ** 31 })],
  ['gather, columnStep 2^53', 'INTERNAL', gather({ columnStep: 2 ** 53 })],
  [
    'gather, rows beyond memory',
    'INTERNAL',
    gather({ rows: 2 ** 31, columns: 2 ** 31, rowStep: 2 ** 31 }),
  ],
  ['gather, from detached', 'INTERNAL', gather({ from: detached(), to: new Float64Array(6) })],
  ['json', 'fine', json({})],
  ['json of nothing', 'fine', json({ values: new Float32Array(), to: new Uint8Array(3) })],
  ['json without arguments', 'INTERNAL', () => border.writeFloat32Json()],
  ['json of doubles', 'INTERNAL', json({ values: new Float64Array(2) })],
  ['json, values a list', 'INTERNAL', json({ values: [1, 2] })],
  ['json of NaN', 'INTERNAL', json({ values: Float32Array.of(1, Number.NaN) })],
  ['json of infinity', 'INTERNAL', json({ values: Float32Array.of(Number.NEGATIVE_INFINITY) })],
  ['json, to short', 'INTERNAL', json({ to: new Uint8Array(34) })],
  ['json, to of floats', 'INTERNAL', json({ to: new Float32Array(35) })],
  ['json, to detached', 'INTERNAL', json({ to: detached(Uint8Array) })],
  ['json, values detached', 'fine', json({ values: detached(Float32Array) })],
  ['json, at -1', 'INTERNAL', json({ at: -1 })],
  ['json, at beyond', 'INTERNAL', json({ at: 36 })],
  ['json, at NaN', 'INTERNAL', json({ at: Number.NaN })],
];
