// The processes of the bench: servers that stay, clients that send for some seconds.
import { fork } from 'node:child_process';
import { once } from 'node:events';
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

/** What a client saw in `seconds`. */
export function drive(port, request) {
  return answerOf(new URL('client.mjs', import.meta.url), { port, ...request });
}
