// What each line of the bench does, and what is asked of it. `measure` gives details for the JSON file, `judge` rows of the table.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from '../support/timing.mjs';
import { drive, flood, hasWrk, startServer } from './processes.mjs';

const CONNECTIONS = [1, 2, 4, 8, 16, 32, 48, 64, 128];
const P99_MS = 50;
const EMBED = '/embed';

const bodies = (texts) => texts.map((inputs) => ({ inputs }));

/** Requests a second of the number of connections that gives most within the limit of p99, and of each. */
async function best(port, { texts, seconds }) {
  const runs = [];
  for (const connections of CONNECTIONS) {
    const request = { path: EMBED, bodies: bodies(texts), connections, seconds };
    runs.push({ connections, ...(await flood(port, request)) });
  }
  const within = runs.filter(({ p99, failed }) => p99 <= P99_MS && failed === 0);
  const most = (some) => Math.max(0, ...some.map(({ rate }) => rate));
  return { runs, rate: most(within), capacity: most(runs) };
}

/** For a server that promises short answers: the wait that it allows. */
const OVERLOAD_QUEUE_MS = 20;

/** Requests a second of a server that refuses none. */
async function capacity(options, request) {
  const server = await startServer('sinter.mjs', options);
  const rates = [];
  for (const connections of [64, 64, 64]) {
    const { statuses } = await drive(server.port, { ...request, connections });
    rates.push(statuses[200] / request.seconds);
  }
  server.stop();
  return Math.max(...rates);
}

/** Resident bytes of a server, every five seconds until `work` has ended. */
async function memoryUntil(work, server) {
  const bytes = [];
  let isOver = false;
  const ended = work.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await Promise.race([sleep(5000), ended]);
    bytes.push((await server.ask('memory')).bytes);
  }
  return bytes;
}

/** The peer's forms: precision, and whether it batches. */
const PEERS = [
  { name: 'f32', precision: 'f32', batchMs: 0 },
  { name: 'int8', precision: 'int8', batchMs: 0 },
  { name: 'int8, batches of 2 ms', precision: 'int8', batchMs: 2 },
];

export const LINES = {
  throughput: {
    async measure(options) {
      const peers = {};
      const ours = [];
      const inside = [];
      const server = await startServer('sinter.mjs', options);
      for (let round = 0; round < options.rounds; round++) {
        ours.push(await best(server.port, options));
        inside.push((await server.ask('embed')).textsPerSecond);
        for (const peer of PEERS) {
          const other = await startServer('peer.mjs', { ...options, ...peer });
          peers[peer.name] ??= [];
          peers[peer.name].push(await best(other.port, options));
          other.stop();
        }
      }
      server.stop();
      return { ours, inside, peers, client: hasWrk ? 'wrk' : 'client.mjs' };
    },
    judge({ ours, inside, peers }) {
      const rate = median(ours.map((one) => one.rate));
      const embed = median(inside);
      const rates = Object.entries(peers).map(([name, runs]) => [
        name,
        median(runs.map((one) => one.rate)),
      ]);
      const peer = Math.max(...rates.map(([, one]) => one));
      return [
        { figure: `requests a second, p99 <= ${P99_MS} ms`, measured: rate.toFixed(0) },
        ...rates.map(([name, one]) => ({
          figure: `fastify + transformers.js, ${name}`,
          measured: one.toFixed(0),
        })),
        over('over the best of these', rate / peer, 5),
        { figure: 'texts a second of embed in the process', measured: embed.toFixed(0) },
        over('over these', rate / embed, 0.8),
      ];
    },
  },
  latency: {
    async measure(options) {
      const server = await startServer('sinter.mjs', options);
      const [http, inside] = [[], []];
      for (let round = 0; round < options.rounds; round++) {
        const request = {
          path: EMBED,
          bodies: bodies(options.texts),
          connections: 1,
          seconds: options.seconds,
        };
        http.push((await drive(server.port, request)).latencies.p50);
        inside.push((await server.ask('embed')).oneMs);
      }
      server.stop();
      return { http, inside };
    },
    judge({ http, inside }) {
      const more = median(http) - median(inside);
      return [
        { figure: 'one text over HTTP, ms p50', measured: median(http).toFixed(2) },
        { figure: 'one text in the process, ms p50', measured: median(inside).toFixed(2) },
        {
          figure: 'difference',
          target: '1.5 ms',
          measured: `${more.toFixed(2)} ms`,
          holds: more <= 1.5,
        },
      ];
    },
  },
  overload: {
    async measure(options) {
      const request = { path: EMBED, bodies: bodies(options.texts) };
      const rate = await capacity(options, { ...request, seconds: options.seconds });
      const server = await startServer('sinter.mjs', {
        ...options,
        server: { maxQueueMs: OVERLOAD_QUEUE_MS },
      });
      const calm = await drive(server.port, {
        ...request,
        ...{ connections: 64, rate: rate / 2, seconds: 30 },
      });
      const before = await server.ask('memory');
      const driving = drive(server.port, {
        ...request,
        ...{ connections: 1500, rate: 2 * rate, seconds: options.overloadSeconds },
      });
      const memory = await memoryUntil(driving, server);
      const seen = await driving;
      server.stop();
      return { rate, calm, seen, before: before.bytes, memory };
    },
    judge({ rate, calm, seen, memory }) {
      const ratio = seen.latencies.p99 / calm.latencies.p99;
      // Collections of the heap make a saw of it, so thirds are compared by their medians; the first one warms up.
      const third = Math.floor(memory.length / 3);
      const growth = median(memory.slice(-third)) / median(memory.slice(third, -third)) - 1;
      const known = (seen.statuses[200] ?? 0) + (seen.statuses[429] ?? 0);
      return [
        { figure: 'capacity, requests a second', measured: rate.toFixed(0) },
        { figure: 'p99 at half of it, ms', measured: calm.latencies.p99.toFixed(1) },
        {
          figure: `answered at twice of it: ${JSON.stringify(seen.statuses)}`,
          measured: `${seen.answered - known} others`,
          holds: seen.answered === known,
        },
        {
          figure: 'p99 of accepted over the calm one',
          target: '4 x',
          measured: `${ratio.toFixed(1)} x`,
          holds: ratio < 4,
        },
        {
          figure: 'p99 of a refusal',
          target: '5 ms',
          measured: `${(seen.refusals.p99 ?? 0).toFixed(1)} ms`,
          holds: (seen.refusals.p99 ?? 0) <= 5,
        },
        {
          figure: 'growth of resident memory',
          target: '10 %',
          measured: `${(100 * growth).toFixed(1)} %`,
          holds: growth <= 0.1,
        },
      ];
    },
  },
  connections: {
    async measure(options) {
      const server = await startServer('sinter.mjs', {
        ...options,
        server: { requestTimeoutMs: 30_000 },
      });
      const request = {
        path: EMBED,
        bodies: bodies(options.texts),
        connections: 4,
        seconds: options.seconds,
      };
      const times = { alone: [], beside: [] };
      for (let round = 0; round < options.rounds; round++) {
        times.alone.push((await drive(server.port, request)).latencies.p50);
        const close = await crowd(server.port);
        times.beside.push((await drive(server.port, request)).latencies.p50);
        close();
      }
      server.stop();
      return times;
    },
    judge({ alone, beside }) {
      const ratio = median(beside) / median(alone);
      const noise = Math.max(...alone) / Math.min(...alone);
      return [
        { figure: 'p50 of 4 clients, ms', measured: median(alone).toFixed(2) },
        {
          figure: 'beside 1,000 idle and 100 slow connections',
          measured: median(beside).toFixed(2),
          holds: ratio <= Math.max(1.05, noise),
        },
      ];
    },
  },
  reload: {
    async measure(options) {
      const server = await startServer('sinter.mjs', options);
      const request = {
        path: EMBED,
        bodies: bodies(options.texts),
        connections: 16,
        seconds: options.reloadSeconds,
      };
      const driving = drive(server.port, request);
      const times = [];
      const timer = setInterval(async () => times.push((await server.ask('reload')).ms), 10_000);
      const seen = await driving;
      clearInterval(timer);
      server.stop();
      return { seen, times };
    },
    judge({ seen, times }) {
      const failed = seen.answered - (seen.statuses[200] ?? 0) + seen.broken;
      return [
        {
          figure: `failed of ${seen.answered} requests in ${times.length} reloads`,
          target: '0',
          measured: String(failed),
          holds: failed === 0 && times.length > 0,
        },
        { figure: 'milliseconds of a reload', measured: median(times).toFixed(0) },
      ];
    },
  },
};

function over(figure, ratio, target) {
  return {
    figure,
    target: `${target} x`,
    measured: `${ratio.toFixed(2)} x`,
    holds: ratio >= target,
  };
}

/** Opens 1,000 connections that say nothing and 100 that send a byte of a request's head each second. */
async function crowd(port) {
  const sockets = Array.from({ length: 1100 }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => {});
  await Promise.all(sockets.map((socket) => new Promise((done) => socket.once('connect', done))));
  const slow = sockets.slice(0, 100);
  for (const socket of slow) socket.write('POST /embed HTTP/1.1\r\nx-slow: ');
  const timer = setInterval(() => {
    for (const socket of slow) if (!socket.destroyed) socket.write('a');
  }, 1000);
  return () => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  };
}
