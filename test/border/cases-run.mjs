// Calls with wrong batches, outputs and options; memory that scripts change, transfer or shrink under a call.
// A case is [name, expected, action]; see cases-graph.mjs.
import {
  batch,
  border,
  LOGITS,
  MAX_TOKENS,
  options,
  output,
  sealedProgram,
  VOCABULARY,
} from './small.mjs';

const own = () => {
  throw new RangeError('own');
};
const shared = (values) => {
  const copy = new values.constructor(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
};
const resizable = (values) => {
  const buffer = new ArrayBuffer(values.byteLength, { maxByteLength: 2 * values.byteLength });
  const copy = new values.constructor(buffer);
  copy.set(values);
  return copy;
};
const transfer = (values) => structuredClone(values, { transfer: [values.buffer] });
const equal = (a, b) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

const run = async (changes = {}, outputs = [output()], more = {}) => {
  const program = await sealedProgram();
  return program.run({ ...batch(), ...changes }, outputs, { ...options(), ...more });
};
/** Starts a call, lets `meddle` change its arguments meanwhile, and expects the result of an undisturbed call. */
const meddled = async (make, meddle) => {
  const program = await sealedProgram();
  const calm = output();
  await program.run(batch(), [calm], options());
  const given = make(batch());
  const result = output();
  const running = program.run(given, [result], options());
  meddle(given);
  await running;
  if (!equal(calm.data, result.data)) throw new Error('the result differs from a calm call');
};
const ints = (...values) => Int32Array.of(...values);
const same = (given) => given;

export const runCases = [
  ['run without arguments', 'INTERNAL', async () => (await sealedProgram()).run()],
  ['batch null', 'INTERNAL', async () => (await sealedProgram()).run(null, [output()], options())],
  [
    'batch a throwing Proxy',
    'own',
    async () => (await sealedProgram()).run(new Proxy({}, { get: own }), [output()], options()),
  ],
  [
    'batch without prototype',
    'fine',
    async () =>
      (await sealedProgram()).run(
        Object.assign(Object.create(null), batch()),
        [output()],
        options(),
      ),
  ],
  ['ids missing', 'INTERNAL', () => run({ ids: undefined })],
  ['ids an array', 'INTERNAL', () => run({ ids: [1, 2, 3, 4, 5, 6, 19] })],
  ['ids Float32Array', 'INTERNAL', () => run({ ids: new Float32Array(7) })],
  ['ids Uint32Array', 'INTERNAL', () => run({ ids: new Uint32Array(7) })],
  ['ids BigInt64Array', 'INTERNAL', () => run({ ids: new BigInt64Array(7) })],
  ['ids a Proxy', 'INTERNAL', () => run({ ids: new Proxy(new Int32Array(7), {}) })],
  ['ids too few', 'INTERNAL', () => run({ ids: new Int32Array(6) })],
  ['ids too many', 'INTERNAL', () => run({ ids: new Int32Array(8) })],
  ['id at the vocabulary', 'INTERNAL', () => run({ ids: new Int32Array(7).fill(VOCABULARY) })],
  ['id -1', 'INTERNAL', () => run({ ids: new Int32Array(7).fill(-1) })],
  ['id -2^31', 'INTERNAL', () => run({ ids: new Int32Array(7).fill(-(2 ** 31)) })],
  ['offsets empty', 'INTERNAL', () => run({ offsets: new Int32Array(0) })],
  ['offsets not from 0', 'INTERNAL', () => run({ offsets: ints(1, 2, 3, 7) })],
  ['offsets equal', 'INTERNAL', () => run({ offsets: ints(0, 2, 2, 7) })],
  ['offsets falling', 'INTERNAL', () => run({ offsets: ints(0, 5, 3, 7) })],
  ['offsets beyond the ids', 'INTERNAL', () => run({ offsets: ints(0, 2, 3, 8) })],
  ['offsets far beyond, then back', 'INTERNAL', () => run({ offsets: ints(0, 2 ** 31 - 1, 3, 7) })],
  ['offsets negative', 'INTERNAL', () => run({ offsets: ints(0, -(2 ** 31), 3, 7) })],
  [
    'a text over the limit',
    'INTERNAL',
    () => {
      const ids = new Int32Array(MAX_TOKENS + 1);
      return run({ ids, offsets: ints(0, ids.length), segments: null });
    },
  ],
  ['segments too few', 'INTERNAL', () => run({ segments: new Int32Array(6) })],
  ['segments empty', 'INTERNAL', () => run({ segments: new Int32Array(0) })],
  ['segments missing', 'INTERNAL', () => run({ segments: undefined })],
  ['segment 2', 'INTERNAL', () => run({ segments: new Int32Array(7).fill(2) })],
  ['segment -1', 'INTERNAL', () => run({ segments: new Int32Array(7).fill(-1) })],
  ['selected left out', 'fine', () => run({ selected: undefined })],
  ['selected null', 'fine', () => run({ selected: null })],
  ['selected none', 'fine', () => run({ selected: ints() })],
  ['selected an array', 'INTERNAL', () => run({ selected: [0, 1] })],
  ['selected floats', 'INTERNAL', () => run({ selected: new Float32Array(2) })],
  ['selected falling', 'INTERNAL', () => run({ selected: ints(3, 2) })],
  ['selected twice', 'INTERNAL', () => run({ selected: ints(2, 2) })],
  ['selected beyond the ids', 'INTERNAL', () => run({ selected: ints(0, 7) })],
  ['selected -1', 'INTERNAL', () => run({ selected: ints(-1, 3) })],
  [
    'no texts',
    'fine',
    () =>
      run({ ids: ints(), offsets: ints(0), segments: null }, [
        { name: 'logits', data: new Float32Array(0) },
      ]),
  ],
  [
    'no texts, but outputs',
    'INTERNAL',
    () => run({ ids: ints(), offsets: ints(0), segments: null }),
  ],
  ['outputs missing', 'INTERNAL', async () => (await sealedProgram()).run(batch())],
  ['outputs null', 'INTERNAL', () => run({}, null)],
  ['outputs an object', 'INTERNAL', () => run({}, { length: 1, 0: output() })],
  ['outputs a Proxy', 'INTERNAL', () => run({}, new Proxy([output()], {}))],
  ['outputs hold null', 'INTERNAL', () => run({}, [null])],
  ['outputs sparse', 'INTERNAL', () => run({}, Array(3))],
  ['outputs empty', 'fine', () => run({}, [])],
  ['output twice', 'fine', () => run({}, [output(), output()])],
  ['output unknown', 'INTERNAL', () => run({}, [{ ...output(), name: 'nothing' }])],
  ['output without name', 'INTERNAL', () => run({}, [{ data: new Float32Array(LOGITS) }])],
  [
    'output too short',
    'INTERNAL',
    () => run({}, [{ ...output(), data: new Float32Array(LOGITS - 1) }]),
  ],
  [
    'output too long',
    'INTERNAL',
    () => run({}, [{ ...output(), data: new Float32Array(LOGITS + 1) }]),
  ],
  [
    'output of doubles',
    'INTERNAL',
    () => run({}, [{ ...output(), data: new Float64Array(LOGITS) }]),
  ],
  [
    'output a DataView',
    'INTERNAL',
    () => run({}, [{ ...output(), data: new DataView(new ArrayBuffer(36)) }]),
  ],
  ['options missing', 'INTERNAL', async () => (await sealedProgram()).run(batch(), [output()])],
  ['jobId 0', 'INTERNAL', () => run({}, [output()], { jobId: 0 })],
  ['jobId 1.5', 'INTERNAL', () => run({}, [output()], { jobId: 1.5 })],
  ['jobId NaN', 'INTERNAL', () => run({}, [output()], { jobId: Number.NaN })],
  ['jobId a BigInt', 'INTERNAL', () => run({}, [output()], { jobId: 1n })],
  ['jobId 2^60', 'INTERNAL', () => run({}, [output()], { jobId: 2 ** 60 })],
  [
    'jobId in use',
    'INTERNAL',
    async () => {
      const program = await sealedProgram();
      const jobId = border.nextJobId();
      const first = program.run(batch(), [output()], { jobId, tokenBudget: 1 });
      try {
        await program.run(batch(), [output()], { jobId, tokenBudget: 1 });
      } finally {
        await first;
      }
    },
  ],
  ['tokenBudget 0', 'INTERNAL', () => run({}, [output()], { tokenBudget: 0 })],
  ['tokenBudget -1', 'INTERNAL', () => run({}, [output()], { tokenBudget: -1 })],
  [
    'tokenBudget infinite',
    'INTERNAL',
    () => run({}, [output()], { tokenBudget: Number.POSITIVE_INFINITY }),
  ],
  ['tokenBudget 2^30', 'INTERNAL', () => run({}, [output()], { tokenBudget: 2 ** 30 })],
  [
    'ids transferred before',
    'INTERNAL',
    () => {
      const ids = new Int32Array(7);
      transfer(ids);
      return run({ ids });
    },
  ],
  [
    'offsets transferred before',
    'INTERNAL',
    () => {
      const offsets = batch().offsets;
      transfer(offsets);
      return run({ offsets });
    },
  ],
  [
    'output transferred before',
    'INTERNAL',
    () => {
      const one = output();
      transfer(one.data);
      return run({}, [one]);
    },
  ],
  [
    'ids transferred by the getter of offsets',
    'fine',
    () => {
      const given = batch();
      const { offsets } = given;
      return meddled(
        () => ({
          ...given,
          get offsets() {
            transfer(given.ids);
            return offsets;
          },
        }),
        same,
      );
    },
  ],
  ['ids transferred during', 'fine', () => meddled(same, (given) => transfer(given.ids))],
  ['offsets transferred during', 'fine', () => meddled(same, (given) => transfer(given.offsets))],
  ['ids made wild during', 'fine', () => meddled(same, (given) => given.ids.fill(2 ** 30))],
  ['offsets made wild during', 'fine', () => meddled(same, (given) => given.offsets.fill(2 ** 30))],
  ['segments made wild during', 'fine', () => meddled(same, (given) => given.segments.fill(-7))],
  [
    'ids replaced during, garbage collected',
    'fine',
    () =>
      meddled(same, (given) => {
        given.ids = null;
        globalThis.gc?.();
      }),
  ],
  [
    'shared ids',
    'fine',
    () =>
      meddled(
        (g) => ({ ...g, ids: shared(g.ids) }),
        (g) => g.ids.fill(-1),
      ),
  ],
  [
    'resizable ids shrunk during',
    'fine',
    () =>
      meddled(
        (g) => ({ ...g, ids: resizable(g.ids) }),
        (g) => g.ids.buffer.resize(0),
      ),
  ],
  [
    'shared output',
    'fine',
    async () => {
      const [plain, one] = [output(), { name: 'logits', data: shared(new Float32Array(LOGITS)) }];
      const program = await sealedProgram();
      await program.run(batch(), [plain, one], options());
      if (!equal(plain.data, one.data)) throw new Error('the shared output differs');
    },
  ],
  [
    'output transferred during',
    'INTERNAL',
    async () => {
      const program = await sealedProgram();
      const one = output();
      const running = program.run(batch(), [one], options());
      transfer(one.data);
      globalThis.gc?.();
      await running;
    },
  ],
  [
    'resizable output shrunk during',
    'INTERNAL',
    async () => {
      const program = await sealedProgram();
      const data = resizable(new Float32Array(LOGITS));
      const running = program.run(batch(), [{ name: 'logits', data }], options());
      data.buffer.resize(4);
      await running;
    },
  ],
  [
    'output transferred by the getter of the next',
    'INTERNAL',
    () => {
      const one = output();
      return run({}, [
        one,
        {
          name: 'logits',
          get data() {
            transfer(one.data);
            return new Float32Array(LOGITS);
          },
        },
      ]);
    },
  ],
  [
    'output whose getter gives another array each time',
    'fine',
    () =>
      run({}, [
        {
          name: 'logits',
          get data() {
            return new Float32Array(LOGITS);
          },
        },
      ]),
  ],
  [
    'a program disposed by a getter',
    'fine',
    async () => {
      const program = await sealedProgram();
      const given = batch();
      const { ids } = given;
      Object.defineProperty(given, 'ids', {
        get() {
          program.dispose();
          return ids;
        },
      });
      await program.run(given, [output()], options());
    },
  ],
  [
    'a call made by a getter',
    'fine',
    async () => {
      const program = await sealedProgram();
      const given = batch();
      const { ids } = given;
      let inner;
      Object.defineProperty(given, 'ids', {
        get() {
          inner = program.run(batch(), [output()], options());
          return ids;
        },
      });
      await program.run(given, [output()], options());
      await inner;
    },
  ],
];
