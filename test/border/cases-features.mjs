// Graphs, runs and steps that read features, and activations by themselves.
// A case is [name, expected, action]; see cases-graph.mjs.
import {
  batch,
  border,
  FEATURES,
  featuredGraph,
  loss,
  made,
  options,
  output,
  sealedProgram,
  settings,
  stepOptions,
} from './small.mjs';

const ints = (...values) => Int32Array.of(...values);
const transfer = (values) => structuredClone(values, { transfer: [values.buffer] });
const equal = (a, b) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

/** Features of three texts. */
const given = (count = 3 * FEATURES) => Float32Array.from({ length: count }, (_, i) => i / 8);
const spoiled = (value) => {
  const features = given();
  features[5] = value;
  return features;
};
const featured = async (features, changes = {}) =>
  (await sealedProgram(false, featuredGraph())).run(
    { ...batch(), features, ...changes },
    [output()],
    options(),
  );
/** A run of a graph without features. */
const plainRun = async (changes) =>
  (await sealedProgram()).run({ ...batch(), ...changes }, [output()], options());
const madeWith = (output, key, value) => {
  const g = featuredGraph();
  g.nodes.find((node) => node.output === output)[key] = value;
  return made(g);
};
const featuredStep = async (features) => {
  const program = await sealedProgram(true, featuredGraph());
  const trainer = new border.Trainer(program, { ...settings(), groups: [] });
  await trainer.accumulate({ ...batch(), features }, [loss()], stepOptions());
  if (trainer.readGradient('scores.weight').every((value) => value === 0))
    throw new Error('no gradient');
};

export const featureCases = [
  ['features', 'fine', () => featured(given())],
  ['features in a step', 'fine', () => featuredStep(given())],
  ['features left out', 'INTERNAL', () => featured(undefined)],
  ['features null', 'INTERNAL', () => featured(null)],
  ['features left out of a step', 'INTERNAL', () => featuredStep(undefined)],
  ['features of two texts', 'INTERNAL', () => featured(given(2 * FEATURES))],
  ['features of two texts in a step', 'INTERNAL', () => featuredStep(given(2 * FEATURES))],
  ['features of four texts', 'INTERNAL', () => featured(given(4 * FEATURES))],
  ['features one short', 'INTERNAL', () => featured(given(3 * FEATURES - 1))],
  ['features of doubles', 'INTERNAL', () => featured(new Float64Array(3 * FEATURES))],
  ['features an array', 'INTERNAL', () => featured([...given()])],
  ['features NaN', 'INTERNAL', () => featured(spoiled(Number.NaN))],
  ['features infinite', 'INTERNAL', () => featured(spoiled(Number.NEGATIVE_INFINITY))],
  ['features NaN in a step', 'INTERNAL', () => featuredStep(spoiled(Number.NaN))],
  ['features that nothing reads', 'INTERNAL', () => plainRun({ features: given() })],
  ['features null where nothing reads them', 'fine', () => plainRun({ features: null })],
  [
    'features of no texts',
    'fine',
    async () =>
      (await sealedProgram(false, featuredGraph())).run(
        { ids: ints(), offsets: ints(0), segments: null, features: given(0) },
        [{ name: 'logits', data: new Float32Array(0) }],
        options(),
      ),
  ],
  [
    'features transferred during',
    'fine',
    async () => {
      const program = await sealedProgram(false, featuredGraph());
      const [calm, result] = [output(), output()];
      await program.run({ ...batch(), features: given() }, [calm], options());
      const features = given();
      const running = program.run({ ...batch(), features }, [result], options());
      transfer(features);
      await running;
      if (!equal(calm.data, result.data)) throw new Error('the result differs from a calm call');
    },
  ],
  ['features of width 0', 'INTERNAL', () => madeWith('given', 'width', 0)],
  ['features of width 2^21', 'INTERNAL', () => madeWith('given', 'width', 2 ** 21)],
  ['features of width 1.5', 'INTERNAL', () => madeWith('given', 'width', 1.5)],
  ['features without a width', 'INTERNAL', () => madeWith('given', 'width', undefined)],
  [
    'features of two widths',
    'INTERNAL',
    () => {
      const g = featuredGraph();
      g.nodes.push({ op: 'features', width: FEATURES + 1, output: 'others' });
      made(g);
    },
  ],
  ['activation none', 'INTERNAL', () => madeWith('bounded', 'kind', 'none')],
  ['activation unknown', 'INTERNAL', () => madeWith('bounded', 'kind', 'swish')],
  ['activation without a kind', 'INTERNAL', () => madeWith('bounded', 'kind', undefined)],
  ['activation of nothing', 'INTERNAL', () => madeWith('bounded', 'input', 'nothing')],
];
