// The processes of the bench: servers that stay, clients that send for some seconds.
import { execFile, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerOf, isaVariables } from '../support/processes.mjs';

/** Starts a server: { port, ask(what), stop() }. */
export async function startServer(file, options) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)], {
    env: { ...process.env, ...isaVariables(options.isa) },
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${file} ended with code ${code}`);
  });
  ended.catch(() => {});
  const next = async () => (await Promise.race([once(child, 'message'), ended]))[0];
  const { port } = await next();
  const ask = (what) => {
    const answer = next();
    child.send(what);
    return answer;
  };
  return { port, ask, stop: () => child.disconnect() };
}

const LUA = fileURLToPath(new URL('wrk.lua', import.meta.url));

/** Whether wrk is installed: a client in C, whose own work is a tenth of that of one in Node. */
export const hasWrk = (() => {
  try {
    execFileSync('wrk', ['-v'], { stdio: 'ignore' });
    return true;
  } catch (error) {
    // `wrk -v` prints its version and ends with 1.
    return error.code !== 'ENOENT';
  }
})();

/** What closed connections saw in `seconds`: { rate, p99, failed }, by wrk where it is installed. */
export async function flood(port, { path, bodies, connections, seconds }) {
  if (!hasWrk) {
    const seen = await drive(port, { path, bodies, connections, seconds });
    const good = seen.statuses[200] ?? 0;
    const failed = seen.answered - good + seen.broken;
    return { rate: good / seen.seconds, p99: seen.latencies.p99, failed };
  }
  const file = join(tmpdir(), `sinter-wrk-${process.pid}`);
  writeFileSync(file, bodies.map((body) => `${JSON.stringify(body)}\n`).join(''));
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', LUA, `http://127.0.0.1:${port}`];
  const env = { ...process.env, WRK_BODIES: file, WRK_PATH: path };
  const text = await new Promise((resolve, reject) => {
    execFile('wrk', args, { env }, (error, out) => (error ? reject(error) : resolve(out)));
  });
  rmSync(file);
  const [requests, us, refused, errors, , p99] = /^sinter (.*)$/m
    .exec(text)[1]
    .split(' ')
    .map(Number);
  return { rate: (1e6 * (requests - refused)) / us, p99: p99 / 1000, failed: refused + errors };
}

/** What a client saw in `seconds`. */
export function drive(port, request) {
  return answerOf(new URL('client.mjs', import.meta.url), { port, ...request });
}
