// Prints one hash over the results of the solves of compression, on argv[2] lanes.
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../../../build/Release/sinter.node', import.meta.url));
const border = createRequire(import.meta.url)(process.env.SINTER_NATIVE ?? built);
border.startLanes(Number(process.argv[2]));

let state = 12345;
const next = () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return state / 2 ** 31 - 1;
};
const floats = (count) => Float32Array.from({ length: count }, next);
const hash = createHash('sha256');
const take = (values) => hash.update(new Uint8Array(values.buffer));

const [inputs, outputs, rows] = [150, 70, 400];
const gram = new border.Gram({ inputs, outputs, intercept: true });
for (let i = 0; i < 2; i++) {
  await gram.add(floats(rows * inputs), floats(rows * outputs), floats(rows * outputs));
}
const sums = await gram.sums();
take(sums.products);
take(sums.targets);
const columns = Int32Array.from({ length: inputs }, (_, i) => i).filter((i) => i % 7 !== 3);
const prior = floats(outputs * (inputs + 1));
take(await gram.solve({ lambda: 0.01, prior, columns }));
take(Float64Array.from([await gram.error(prior)]));
const normed = new border.Gram({ inputs, outputs, intercept: true, normalizeRows: true });
await normed.add(floats(rows * inputs), floats(rows * outputs), null);
await normed.merge(gram);
take(await normed.solve({ lambda: 0.01, ownScale: true, prior, columns }));
for (const groupColumns of [1, 10]) {
  const removals = inputs / groupColumns;
  const options = {
    groupColumns,
    removals,
    lambda: 0.01,
    counts: Int32Array.from([5, removals - 2]),
  };
  const found = await gram.remove(prior, options);
  for (const values of [found.order, found.scores, found.errors, ...found.weights]) take(values);
}
const plain = new border.Gram({ inputs, outputs: 0, intercept: false });
await plain.add(floats(rows * inputs), null, null);
for (const [m, n, sum] of [
  [outputs, inputs, plain],
  [inputs, outputs, null],
  [33, 33, null],
]) {
  const options = { outputs: m, inputs: n, rank: 20, scale: null, gram: sum, lambda: 0 };
  const found = await border.lowRank(floats(m * n), options);
  for (const values of [found.a, found.b, found.singularValues]) take(values);
}
const histogram = new border.Histogram();
for (const scale of [0.01, 30]) {
  const values = floats(200_000).map((one) => one * scale);
  await histogram.add(values, floats(100));
}
const { negative, positive, ...counted } = await histogram.counts();
for (const values of [negative, positive]) take(values);
take(Float64Array.from([counted.width, counted.zeros, counted.min, counted.max]));
process.stdout.write(hash.digest('hex'));
