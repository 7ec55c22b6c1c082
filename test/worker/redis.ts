/** A Redis of its own for a test file: on a free port, in a folder of its own, ended by its process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** Where redis-server is not installed, tests that need it are skipped. */
export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Starts before the tests of the file and ends behind them. */
export class OwnRedis {
  url = '';
  private child: ChildProcess | null = null;

  constructor() {
    if (!hasRedis) return;
    let folder = '';
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'sinter-redis-'));
      const port = await freePort();
      const own = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
      const args = [...own, '--save', '', '--appendonly', 'no', '--maxmemory-policy', 'noeviction'];
      this.child = spawn('redis-server', args, { stdio: 'ignore' });
      const end = Date.now() + 10_000;
      while (!(await answers(port))) {
        if (Date.now() > end) throw new Error('redis-server does not answer');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      this.url = `redis://127.0.0.1:${port}`;
    });
    afterAll(async () => {
      await this.end();
      await rm(folder, { recursive: true, force: true });
    });
  }

  /** Ends the server, as a machine that is lost. */
  async end(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
}
