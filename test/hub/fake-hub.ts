/**
 * A server that plays the hub's routes over a folder of files: the list of files, small files answered at once, large ones
 * by a redirect to a second server with other credentials. It can break transfers, and it notes what it was asked.
 */

import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const COMMIT = 'c0ffee'.padEnd(40, '0');

export interface FakeFile {
  readonly name: string;
  readonly data: Buffer;
  /** The file is in large storage: SHA-256 etag, redirect to the other server. */
  readonly large?: boolean;
}

export interface Asked {
  readonly host: 'hub' | 'storage';
  readonly method: string;
  readonly url: string;
  readonly range: string | null;
  readonly token: string | null;
}

/** Faults that the server shows; tests change them between calls. */
export interface Trouble {
  /** Transfers break after this many bytes, as often as `times` says. */
  breakAfter?: { bytes: number; times: number };
  /** Answers the next requests with this status. */
  status?: { code: number; times: number };
  /** Sends other bytes than the checksum says. */
  damage?: boolean;
  /** Ignores the range header. */
  noRanges?: boolean;
  /** Answers 416 to every range. */
  refuseRanges?: boolean;
  /** The storage never ends its answers. */
  hang?: boolean;
  /** The list of files never ends, silently or with endless spaces. */
  list?: 'hangs' | 'endless';
  /** The token that every request needs. */
  token?: string;
}

export class FakeHub {
  readonly asked: Asked[] = [];
  readonly trouble: Trouble = {};
  readonly files: FakeFile[];
  listed: readonly string[] | null = null;
  private readonly hub: Server;
  private readonly storage: Server;

  private constructor(files: FakeFile[]) {
    this.files = files;
    this.hub = createServer((request, response) => this.answerHub(request, response));
    this.storage = createServer((request, response) => this.answerStorage(request, response));
  }

  static async start(files: FakeFile[]): Promise<FakeHub> {
    const fake = new FakeHub(files);
    await Promise.all([fake.hub, fake.storage].map((server) => listen(server)));
    return fake;
  }

  get endpoint(): string {
    return address(this.hub);
  }

  async stop(): Promise<void> {
    for (const server of [this.hub, this.storage]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }

  downloads(): Asked[] {
    return this.asked.filter(({ method, url }) => method === 'GET' && !url.startsWith('/api/'));
  }

  private note(host: Asked['host'], request: IncomingMessage): void {
    const { method = '', url = '', headers } = request;
    const range = headers.range ?? null;
    this.asked.push({ host, method, url, range, token: headers.authorization ?? null });
  }

  private answerHub(request: IncomingMessage, response: ServerResponse): ServerResponse {
    this.note('hub', request);
    const { status, token } = this.trouble;
    if (status !== undefined && status.times-- > 0) return end(response, status.code);
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return end(response, 401);
    }
    const url = request.url ?? '';
    const list = /^\/api\/models\/org\/(?:old-)?tiny\/revision\/(main|v1|c0ffee0+)$/.exec(url);
    if (list !== null) {
      const names = this.listed ?? this.files.map(({ name }) => name);
      const siblings = names.map((rfilename) => ({ rfilename }));
      response.setHeader('content-type', 'application/json');
      if (this.trouble.list !== undefined) return sendForever(response, this.trouble.list);
      return response.end(JSON.stringify({ id: 'org/tiny', sha: COMMIT, siblings }));
    }
    const old = /^\/org\/old-tiny\/(.*)$/.exec(url);
    if (old !== null) return redirect(response, 307, `/org/tiny/${old[1]}`);
    const path = /^\/org\/tiny\/resolve\/c0ffee0+\/(.+)$/.exec(url)?.[1];
    const file = this.files.find(({ name }) => name === decodeURIComponent(path ?? ''));
    if (file === undefined) return end(response, 404);
    response.setHeader('x-repo-commit', COMMIT);
    if (file.large) {
      response.setHeader('x-linked-etag', `"${sha256(file.data)}"`);
      response.setHeader('x-linked-size', file.data.length);
      return redirect(response, 302, `${address(this.storage)}/blob/${path}`);
    }
    response.setHeader('etag', `W/"${gitSha(file.data)}"`);
    return this.sendBytes(request, response, file);
  }

  private answerStorage(request: IncomingMessage, response: ServerResponse): ServerResponse {
    this.note('storage', request);
    const name = decodeURIComponent((request.url ?? '').replace('/blob/', ''));
    const file = this.files.find((known) => known.name === name);
    if (file === undefined) return end(response, 404);
    return this.sendBytes(request, response, file);
  }

  private sendBytes(
    request: IncomingMessage,
    response: ServerResponse,
    file: FakeFile,
  ): ServerResponse {
    const { trouble } = this;
    const data = trouble.damage && file.large ? Buffer.alloc(file.data.length, 7) : file.data;
    const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    const begin = asked === undefined || trouble.noRanges ? 0 : Number(asked);
    if (begin > 0 && trouble.refuseRanges) return end(response, 416);
    if (begin > 0) {
      response.statusCode = 206;
      response.setHeader('content-range', `bytes ${begin}-${data.length - 1}/${data.length}`);
    }
    response.setHeader('content-length', data.length - begin);
    if (request.method === 'HEAD') return response.end();
    const rest = data.subarray(begin);
    if (file.large && trouble.hang) {
      response.write(rest.subarray(0, 10));
      return response;
    }
    const cut = trouble.breakAfter;
    if (file.large && cut !== undefined && cut.times > 0 && cut.bytes < rest.length) {
      cut.times--;
      response.write(rest.subarray(0, cut.bytes), () => {
        // The bytes must leave before the connection breaks.
        setTimeout(() => response.destroy(), 20);
      });
      return response;
    }
    return response.end(rest);
  }
}

export function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

export function gitSha(data: Buffer): string {
  return createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');
}

function end(response: ServerResponse, code: number): ServerResponse {
  response.statusCode = code;
  return response.end();
}

function sendForever(response: ServerResponse, how: 'hangs' | 'endless'): ServerResponse {
  response.write('{');
  if (how === 'hangs') return response;
  const spaces = Buffer.alloc(1 << 20, ' ');
  const more = () => {
    if (!response.destroyed) response.write(spaces, () => setImmediate(more));
  };
  more();
  return response;
}

function redirect(response: ServerResponse, code: number, location: string): ServerResponse {
  response.setHeader('location', location);
  return end(response, code);
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function address(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
