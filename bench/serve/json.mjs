// Vectors as JSON: microseconds and bytes of a vector of 384 numbers, by JSON.stringify, by the core, and as base64.
//
//   node bench/serve/json.mjs        (after npm run build)
//
// Ways are timed in turns, so that other work on the machine meets all of them; the figure is the median of 41 rounds.
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const core = require(join(import.meta.dirname, '..', '..', 'build', 'Release', 'sinter.node'));

const COLUMNS = 384;
const VECTORS = 32;
const ROUNDS = 41;

/** Unit vectors of pseudo-random numbers, as an encoder gives them. */
function makeVectors() {
  let state = 7;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  return Array.from({ length: VECTORS }, () => {
    const vector = Float32Array.from({ length: COLUMNS }, next);
    const length = Math.hypot(...vector);
    return vector.map((x) => x / length);
  });
}

const vectors = makeVectors();
const room = Buffer.allocUnsafe(COLUMNS * 16 + 2);

const ways = {
  'JSON.stringify': (vector) => Buffer.byteLength(JSON.stringify(Array.from(vector))),
  core: (vector) => core.writeFloat32Json(vector, room, 0),
  base64: (vector) =>
    Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64').length,
};

for (const vector of vectors) {
  const end = core.writeFloat32Json(vector, room, 0);
  const back = Float32Array.from(JSON.parse(room.toString('latin1', 0, end)));
  if (!back.every((x, i) => Object.is(x, vector[i]))) throw new Error('a number has changed');
}

const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
const bytes = {};
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, write] of Object.entries(ways)) {
    const began = performance.now();
    let sum = 0;
    for (const vector of vectors) sum += write(vector);
    times[name].push(((performance.now() - began) * 1000) / VECTORS);
    bytes[name] = Math.round(sum / VECTORS);
  }
}
for (const [name, all] of Object.entries(times)) {
  const median = all.sort((a, b) => a - b)[ROUNDS >> 1];
  console.log(
    `${name.padEnd(16)}${median.toFixed(1).padStart(8)} us${String(bytes[name]).padStart(8)} bytes`,
  );
}
