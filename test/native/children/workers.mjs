// Loads the addon in worker threads again and again and ends them in every state: idle, with jobs that run, with jobs
// that wait, in the middle of training, by terminate() and by process.exit().
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { border, call, program, SETTINGS, step } from './model.mjs';

const ENDINGS = ['return', 'terminate', 'exit', 'train', 'waiting', 'sealing'];
const ROUNDS = Number(process.argv[2]);

async function inWorker(ending) {
  border.startLanes(1 + (workerData.round % 3));
  const made = await program(ending === 'train');
  if (ending === 'return') {
    await call(made, 2).done;
    made.dispose();
    return;
  }
  if (ending === 'train') {
    const trainer = new border.Trainer(made, SETTINGS);
    for (let i = 0; i < 4; i++) step(trainer, 64).done.catch(() => {});
  } else if (ending === 'sealing') {
    for (let i = 0; i < 20; i++) program(true).catch(() => {});
  } else {
    for (let i = 0; i < (ending === 'waiting' ? 200 : 3); i++) call(made, 64).done.catch(() => {});
  }
  parentPort.postMessage('busy');
  if (ending === 'exit') setTimeout(() => process.exit(0), 5);
}

async function oneWorker(round) {
  const ending = ENDINGS[round % ENDINGS.length];
  const worker = new Worker(new URL(import.meta.url), { workerData: { round, ending } });
  const ended = new Promise((resolve, reject) => {
    worker.on('exit', resolve);
    worker.on('error', reject);
  });
  if (ending !== 'return') {
    await new Promise((resolve) => worker.once('message', resolve));
    await new Promise((resolve) => setTimeout(resolve, (round * 7) % 20));
  }
  if (ending !== 'return' && ending !== 'exit') await worker.terminate();
  await ended;
}

if (isMainThread) {
  border.startLanes(2);
  const mine = await program();
  for (let round = 0; round < ROUNDS; round++) {
    const own = call(mine, 8);
    await Promise.all([oneWorker(round), own.done]);
  }
  process.stdout.write('done');
} else {
  await inWorker(workerData.ending);
}
