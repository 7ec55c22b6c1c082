// Passes of a trainer and its state, asked for in wrong ways or at wrong times.
// A case is [name, expected, action]; see cases-graph.mjs.
import { trainerOf } from './cases-train.mjs';
import {
  batch,
  border,
  loss,
  options,
  output,
  sealedProgram,
  settings,
  stepOptions,
  step as takeStep,
} from './small.mjs';

const id = () => border.nextJobId();
const writeState = async (name, begin, bytes) =>
  (await trainerOf()).writeState(name, begin, bytes, id());

export const passCases = [
  ['clip before accumulate', 'INTERNAL', async () => (await trainerOf()).clip(1, id())],
  ['apply before accumulate', 'INTERNAL', async () => (await trainerOf()).apply(1, id())],
  ['clear before accumulate', 'fine', async () => (await trainerOf()).clear(id())],
  ['clamp before accumulate', 'INTERNAL', async () => (await trainerOf()).clamp(1, id())],
  ['clamp without a limit', 'INTERNAL', async () => (await trainerOf()).clamp(undefined, id())],
  ['keep without a place', 'INTERNAL', async () => (await trainerOf()).keep(id())],
  ['keep', 'fine', async () => (await trainerOf({ keeps: true })).keep(id())],
  ['exchange of no average', 'INTERNAL', async () => (await trainerOf()).exchange('average', id())],
  ['exchange of nothing kept', 'INTERNAL', async () => (await trainerOf()).exchange('kept', id())],
  ['exchange of a seen row', 'INTERNAL', async () => (await trainerOf()).exchange('seen', id())],
  [
    'exchange twice',
    'fine',
    async () => {
      const trainer = await trainerOf({ keeps: true, averageDecay: 0.9 });
      await trainer.keep(id());
      await Promise.all([trainer.exchange('kept', id()), trainer.exchange('average', id())]);
      await Promise.all([trainer.exchange('average', id()), trainer.exchange('kept', id())]);
    },
  ],
  ['apply without a job id', 'INTERNAL', async () => (await trainerOf()).apply(1)],
  ['no terms', 'INTERNAL', async () => (await trainerOf()).accumulate(batch(), [], stepOptions())],
  [
    'terms an object',
    'INTERNAL',
    async () => (await trainerOf()).accumulate(batch(), loss(), stepOptions()),
  ],
  [
    'a term null',
    'INTERNAL',
    async () => (await trainerOf()).accumulate(batch(), [null], stepOptions()),
  ],
  ['state', 'fine', async () => (await trainerOf()).state()],
  ['state unknown', 'INTERNAL', async () => (await trainerOf()).readState('x', 0, 4)],
  ['state to its end', 'fine', async () => (await trainerOf()).readState('weight:query', 0, 256)],
  ['state beyond', 'INTERNAL', async () => (await trainerOf()).readState('weight:query', 0, 257)],
  ['state before', 'INTERNAL', async () => (await trainerOf()).readState('weight:query', -4, 4)],
  ['state backwards', 'INTERNAL', async () => (await trainerOf()).readState('weight:query', 8, 4)],
  ['state 2^52', 'INTERNAL', async () => (await trainerOf()).readState('seen:tokens', 0, 2 ** 52)],
  ['writeState', 'fine', () => writeState('weight:query', 0, new Uint8Array(256))],
  ['writeState beyond', 'INTERNAL', () => writeState('weight:query', 4, new Uint8Array(256))],
  ['writeState 2^52', 'INTERNAL', () => writeState('weight:query', 2 ** 52, new Uint8Array(4))],
  [
    'writeState of half a number',
    'INTERNAL',
    () => writeState('weight:query', 2, new Uint8Array(4)),
  ],
  ['writeState of floats', 'INTERNAL', () => writeState('weight:query', 0, new Float32Array(1))],
  ['writeState of nothing', 'INTERNAL', () => writeState('weight:query', 0)],
  [
    'writeState of Infinity',
    'CORRUPT_MODEL',
    () => writeState('weight:query', 0, Uint8Array.of(0, 0, 128, 127)),
  ],
  ['restore', 'fine', async () => (await trainerOf()).restore(3, id())],
  ['restore to -1', 'INTERNAL', async () => (await trainerOf()).restore(-1, id())],
  [
    'state during a step',
    'INTERNAL',
    async () => {
      const trainer = await trainerOf();
      const running = takeStep(trainer, batch(), loss(), stepOptions());
      try {
        trainer.state();
      } finally {
        await running;
      }
    },
  ],
  [
    'readGradient of an unknown weight',
    'INTERNAL',
    async () => (await trainerOf()).readGradient('x'),
  ],
  ['readGradient before a step', 'fine', async () => (await trainerOf()).readGradient('query')],
  [
    'readGradient during a step',
    'INTERNAL',
    async () => {
      const trainer = await trainerOf();
      const running = takeStep(trainer, batch(), loss(), stepOptions());
      try {
        trainer.readGradient('query');
      } finally {
        await running;
      }
    },
  ],
  [
    'readWeight during a step',
    'INTERNAL',
    async () => {
      const program = await sealedProgram(true);
      const trainer = new border.Trainer(program, settings());
      const running = takeStep(trainer, batch(), loss(), stepOptions());
      try {
        program.store.readWeight('query');
      } finally {
        await running;
      }
    },
  ],
  [
    'readWeight after a step',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      await takeStep(new border.Trainer(program, settings()), batch(), loss(), stepOptions());
      program.store.readWeight('query');
    },
  ],
  [
    'step after dispose',
    'DISPOSED',
    async () => {
      const trainer = await trainerOf();
      trainer.dispose();
      await takeStep(trainer, batch(), loss(), stepOptions());
    },
  ],
  [
    'dispose of trainer and program during a step',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      const trainer = new border.Trainer(program, settings());
      const running = takeStep(trainer, batch(), loss(), stepOptions());
      trainer.dispose();
      program.dispose();
      await running;
    },
  ],
  [
    'a program that is trained and run at once',
    'fine',
    async () => {
      const program = await sealedProgram(true);
      const [one, two] = [
        new border.Trainer(program, settings()),
        new border.Trainer(program, settings()),
      ];
      await Promise.all([
        takeStep(one, batch(), loss(), stepOptions()),
        program.run(batch(), [output()], options()),
        takeStep(two, batch(), loss(), stepOptions()),
        program.run(batch(), [output()], options()),
      ]);
    },
  ],
];
