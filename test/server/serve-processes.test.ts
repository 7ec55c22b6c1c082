// `sinter serve --processes`: one port, metrics of all, processes that die, reloading, and the end.
import { cp, readdir, readFile, rm } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { Scratch, sinter } from '../cli/support.js';
import { parseExposition } from '../monitor/exposition.js';
import { type Served, serveChild } from './serve-child.js';
import { CLASSIFIER, fixture, longBody, until } from './support.js';

vi.setConfig({ testTimeout: 120_000 });

const scratch = new Scratch();

/** A request on a connection of its own, which the primary hands to the next process. */
function ask(url: string, path: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    get(url + path, { agent: new Agent({ keepAlive: false }) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (some: string) => {
        body += some;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    }).on('error', reject);
  });
}

const predict = (url: string) =>
  fetch(`${url}/predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ inputs: 'a good film' }),
  });

const metricsOf = async (url: string) => parseExposition((await ask(url, '/metrics')).body);

/** Values of a metric by process, summed over other labels. */
async function byProcess(url: string, name: string): Promise<Readonly<Record<string, number>>> {
  const sums: Record<string, number> = {};
  for (const { labels, value } of (await metricsOf(url)).get(name)?.samples ?? []) {
    const { process = '' } = labels;
    sums[process] = (sums[process] ?? 0) + value;
  }
  return sums;
}

/** Numbers of the processes of a server, from the system. */
async function childrenOf({ child }: Pick<Served, 'child'>): Promise<number[]> {
  const text = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}

describe('sinter serve --processes', () => {
  it('shares a port; whoever answers, the metrics are those of all', async () => {
    const served = await serveChild([CLASSIFIER, '--processes', '3', '--threads', '4', '--quiet']);
    const { url } = served;
    expect(served.stdout()).toBe(`listening on ${url}\n`);
    expect(await childrenOf(served)).toHaveLength(3);
    for (let i = 0; i < 9; i++) expect((await predict(url)).status).toBe(200);
    const requests = await byProcess(url, 'sinter_requests_total');
    expect(Object.keys(requests)).toEqual(['0', '1', '2']);
    // Connections go round.
    expect(Object.values(requests).every((count) => count > 0)).toBe(true);
    expect(Object.values(requests).reduce((a, b) => a + b, 0)).toBe(9);
    expect(await byProcess(url, 'sinter_process_up')).toEqual({ '0': 1, '1': 1, '2': 1 });
    const lanes = (await metricsOf(url)).get('sinter_lane_busy_seconds_total')?.samples ?? [];
    const share = (process: string) => lanes.filter(({ labels }) => labels.process === process);
    expect(['0', '1', '2'].map((process) => share(process).length)).toEqual([2, 1, 1]);
    const reload = await fetch(`${url}/admin/reload`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'bert-seqcls' }),
    });
    expect(reload.status).toBe(409);
    expect(await reload.text()).toContain(`send SIGHUP to process ${served.child.pid}`);
    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
    expect(served.stderr()).toBe('');
  });

  it('starts a process again that was killed, and counts it', async () => {
    const served = await serveChild([CLASSIFIER, '--processes', '2', '--log-level', 'error']);
    const [first = 0, second = 0] = await childrenOf(served);
    process.kill(first, 'SIGKILL');
    await until(() => served.stderr().includes('ended by SIGKILL; a new one starts in'));
    // The other one answers meanwhile.
    expect((await predict(served.url)).status).toBe(200);
    await until(async () => {
      const up = await byProcess(served.url, 'sinter_process_up');
      return up['0'] === 1 && up['1'] === 1;
    }, 60_000);
    const restarts = await byProcess(served.url, 'sinter_process_restarts_total');
    expect(Object.values(restarts).sort()).toEqual([0, 1]);
    const now = await childrenOf(served);
    expect(now).toContain(second);
    expect(now).not.toContain(first);
    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
  });

  it('takes other keys in all processes, also where the models can not be loaded again', async () => {
    const path = scratch.path('keyed');
    await cp(CLASSIFIER, path, { recursive: true });
    const keys = await scratch.file('keys.yaml', '- { name: me, key: the-first-key-of-all }\n');
    const config = await scratch.file('keyed.yaml', `models: { keyed: ${path} }\n`);
    const args = ['--processes', '2', '--log-level', 'error', '--api-key-file', keys];
    const served = await serveChild(['--config', config, ...args]);
    const status = async (key: string) => {
      const body = JSON.stringify({ inputs: 'a' });
      const headers = { 'content-type': 'application/json', connection: 'close', 'x-api-key': key };
      const answer = await fetch(`${served.url}/predict`, { method: 'POST', headers, body });
      return answer.status;
    };
    expect(await status('the-first-key-of-all')).toBe(200);
    await scratch.file('keyed.yaml', `models: { keyed: { path: ${path}, maxQueueMs: 9 } }\n`);
    served.child.kill('SIGHUP');
    await until(() => served.stderr().includes('2 processes have loaded their models again'));
    expect(served.stderr().match(/models\.keyed\.maxQueueMs: a change takes effect/g)).toHaveLength(
      1,
    );
    await rm(`${path}/model.safetensors`);
    await scratch.file('keys.yaml', '- { name: me, key: the-second-key-of-all }\n');
    served.child.kill('SIGHUP');
    await until(() => /process 0 was not loaded again/.test(served.stderr()));
    for (let i = 0; i < 4; i++) {
      expect(await status('the-first-key-of-all')).toBe(401);
      expect(await status('the-second-key-of-all')).toBe(200);
    }
  });

  it('loads models again one process after the other; the first that refuses ends the round', async () => {
    const path = scratch.path('again');
    await cp(CLASSIFIER, path, { recursive: true });
    const served = await serveChild([path, '--processes', '2', '--log-level', 'error']);
    served.child.kill('SIGHUP');
    await until(() => served.stderr().includes('2 processes have loaded their models again'));
    expect(served.stderr().match(/again: version [\da-f]{16} again/g)).toHaveLength(2);
    await rm(`${path}/model.safetensors`);
    served.child.kill('SIGHUP');
    await until(() =>
      /process 0 was not loaded again; 1 more were not asked/.test(served.stderr()),
    );
    expect(served.stderr().match(/again: not loaded again/g)).toHaveLength(1);
    for (let i = 0; i < 2; i++) expect((await predict(served.url)).status).toBe(200);
    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
  });

  it('SIGTERM lets open requests of all processes be answered; no process is left', async () => {
    const served = await serveChild(['--processes', '2', '--log-level', 'error']);
    const pids = await childrenOf(served);
    const open: Promise<number>[] = [];
    let answered = 0;
    const send = async (): Promise<number> => {
      const { status } = await fetch(`${served.url}/v1/embeddings`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify(longBody(4, 'all-MiniLM-L6-v2')),
      });
      answered += 1;
      return status;
    };
    // The primary hands connections to whoever is free, so a process may have none of the first, or have answered it already.
    await until(async () => {
      const inFlight = Object.values(await byProcess(served.url, 'sinter_requests_in_flight'));
      const pending = open.length - answered;
      // A request that no process has read yet would be refused.
      if (inFlight.reduce((sum, count) => sum + count, 0) < pending) return false;
      if (inFlight.length === 2 && inFlight.every((count) => count > 0)) return true;
      if (pending < 6) open.push(send(), send());
      return false;
    }, 60_000);
    served.child.kill('SIGTERM');
    for (const status of await Promise.all(open)) expect(status).toBe(200);
    expect(await served.ended).toBe(0);
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('processes end when the first one is killed', async () => {
    const served = await serveChild([CLASSIFIER, '--processes', '2', '--quiet']);
    const pids = await childrenOf(served);
    served.child.kill('SIGKILL');
    const isGone = (pid: number) => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    };
    await until(() => pids.every(isGone));
  });

  it('an audit log is one folder a process', async () => {
    const folder = scratch.path('audit');
    const served = await serveChild([CLASSIFIER, '--processes', '2', '--quiet', '--audit', folder]);
    served.child.kill('SIGTERM');
    expect(await served.ended).toBe(0);
    expect((await readdir(folder)).sort()).toEqual(['process-0', 'process-1']);
  });

  it('a mistake is told once, with the exit code of the process', async () => {
    const missing = await sinter(['serve', fixture('no-such-model'), '--processes', '2']);
    expect(missing.code).toBe(2);
    expect(missing.stderr.match(/^error: /gm)).toHaveLength(2);
    expect(missing.stderr).toMatch(/error: process 0 of the server ended with exit code 2 before/);
  });
});
