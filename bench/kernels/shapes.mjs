// The shapes that the kernel bench times, per family of the test addon: those of a MiniLM encoder (hidden 384,
// intermediate 1536, 12 heads of 32), a 256-token micro-batch, one short text, and one training step.

const tokens = 256;
const gelu = { kind: 1 };

const f32 = [
  ['linear 384 to 384', { m: tokens, n: 384, k: 384 }],
  ['linear 384 to 1152', { m: tokens, n: 1152, k: 384 }],
  ['linear 384 to 1536', { m: tokens, n: 1536, k: 384 }],
  ['linear 384 to 1536, gelu', { m: tokens, n: 1536, k: 384, activation: 1 }],
  ['linear 1536 to 384', { m: tokens, n: 384, k: 1536 }],
  ['linear 1536 to 1536', { m: tokens, n: 1536, k: 1536 }],
  ['linear 1024 to 1024', { m: tokens, n: 1024, k: 1024 }],
  ['linear 384 to 77', { m: tokens, n: 77, k: 384 }],
  ['1 row', { m: 1, n: 1536, k: 384 }],
  ['4 rows', { m: 4, n: 1536, k: 384 }],
  ['16 rows', { m: 16, n: 1536, k: 384 }],
  ['16 rows, deep', { m: 16, n: 384, k: 1536 }],
];

// 32 matrices in turn, 75 MB of weights, so that weights come from memory as for a short text.
const streamed = [1, 4, 8, 16, 64].map((m) => [
  `weights from memory, rows: ${m}`,
  { m, n: 1536, k: 384, matrices: 32 },
]);

const gradients = [
  ['weight gradient', { m: 1536, n: 384, k: 500, transposedA: true, accumulate: true }],
  ['weight gradient, wide', { m: 384, n: 1536, k: 500, transposedA: true, accumulate: true }],
  ['pack 1536 x 384', { n: 1536, k: 384, pack: true }],
];

/** family -> [label, shape][] */
export const shapes = {
  gemmF32: [...f32, ...streamed, ...gradients],
  gemmS8: [...f32, ...f32.map(([label, shape]) => [`${label}, 7 bits`, { ...shape, bits: 7 }])],
  attention: [
    ...[8, 16, 22, 33, 40, 48, 64, 84, 128, 256, 512].flatMap((length) => [
      [`length ${length}`, { length, headDim: 32, heads: 12 }],
      [`length ${length}, head of 64`, { length, headDim: 64, heads: 6 }],
    ]),
    ['length 22, backward', { length: 22, headDim: 32, heads: 12, backward: true }],
    ['length 128, backward', { length: 128, headDim: 32, heads: 12, backward: true }],
    ['length 512, backward', { length: 512, headDim: 32, heads: 12, backward: true }],
    ...[512, 2048].flatMap((length) =>
      [false, true].flatMap((backward) => {
        const head = { length, headDim: 64, heads: 12, backward };
        const name = `length ${length}${backward ? ', backward' : ''}`;
        return [
          [`${name}, global`, head],
          [`${name}, window 64`, { ...head, window: 64 }],
        ];
      }),
    ),
    ...[128, 512].flatMap((length) =>
      [false, true].flatMap((backward) => {
        const head = { length, headDim: 64, heads: 12, backward };
        const name = `length ${length}${backward ? ', backward' : ''}`;
        return [
          [`${name}, bias`, { ...head, bias: true }],
          [`${name}, disentangled`, { ...head, tables: true }],
        ];
      }),
    ),
  ],
  norm: [
    ['layer norm', { rows: tokens, n: 384 }],
    ['layer norm, backward', { rows: tokens, n: 384, backward: true }],
    ['RMS norm', { rows: tokens, n: 384, rms: true }],
  ],
  activation: [
    ['gelu', { n: tokens * 1536, ...gelu }],
    ['gelu, backward', { n: tokens * 1536, ...gelu, backward: true }],
  ],
  loss: [['8 labels', { rows: tokens, n: 8 }]],
  softmax: [['77 classes', { rows: tokens, n: 77 }]],
  quantize: [['rows to u8', { rows: tokens, n: 384 }]],
  embedding: [['three tables', { tokens, width: 384 }]],
  pool: [['mean', { sequences: 8, length: 32, width: 384 }]],
  reduce: [['bias gradient', { rows: tokens, n: 1536 }]],
  dropout: [['dropout', { n: tokens * 384 }]],
  optimizer: [['adamw', { n: 1536 * 384 }]],
};
