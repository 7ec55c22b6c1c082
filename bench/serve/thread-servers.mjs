// Servers in worker threads of one process, which share its weights; each listens on a port of its own, because threads cannot share
// one. Options (JSON): { model, threads, servers }. Prints the addresses on one line when all are ready; SIGTERM ends it.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createServer } from '../../dist/index.js';

if (isMainThread) {
  const { model, threads, servers } = JSON.parse(process.argv[2]);
  const lanes = Math.max(1, Math.floor(threads / servers));
  const workers = Array.from(
    { length: servers },
    () => new Worker(new URL(import.meta.url), { workerData: { model, lanes } }),
  );
  const addresses = await Promise.all(workers.map(async (one) => (await once(one, 'message'))[0]));
  console.log(addresses.join(' '));
  process.once('SIGTERM', () => {
    for (const one of workers) one.postMessage('end');
  });
} else {
  const { model, lanes } = workerData;
  const server = await createServer({ m: { path: model } }, { port: 0, lanes });
  parentPort.postMessage(await server.listen());
  parentPort.once('message', () => server.close());
}
