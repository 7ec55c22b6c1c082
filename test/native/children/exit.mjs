// Ends the process while jobs run: `argv[2]` says how.
import { border, call, program, SETTINGS, step } from './model.mjs';

const how = process.argv[2];
border.startLanes(3);
const made = await program(how === 'train');
if (how === 'train') {
  const trainer = new border.Trainer(made, SETTINGS);
  for (let i = 0; i < 10; i++) step(trainer, 64).done.catch(() => {});
} else {
  for (let i = 0; i < (how === 'wait' ? 10 : 50); i++) call(made, 64).done.catch(() => {});
}
process.stdout.write('busy');
await new Promise((resolve) => setTimeout(resolve, Number(process.argv[3] ?? 10)));
if (how === 'throw') throw new Error('on purpose');
if (how === 'wait') {
  border.cancel(2); // the loop stays alive until the rest ended
} else {
  process.exit(0);
}
