/**
 * One of the processes of `sinter serve --processes`: its number, its share of the threads, and what it tells the primary.
 *
 * The rule: it ends when the primary says so or is gone; signals of the terminal, which reach all processes, are the primary's to hear.
 */
import cluster from 'node:cluster';
import { join } from 'node:path';
import { defaultLanes } from '../native/lanes.js';
import type { SinterServer } from '../server/index.js';
import type { ObserveOptions } from '../server/observe/options.js';
import type { ServerOptions } from '../server/server-options.js';
import { PROCESS, type ToPrimary, type ToProcess } from './serve-messages.js';

/** Longest wait for the primary's text; then the process tells of itself alone. */
const GATHER_MS = 3000;

/** Threads of process `index` of `count`: all of them are shared, the first ones take what is over. */
export function shareOf(total: number, count: number, index: number): number {
  return Math.max(1, Math.floor(total / count) + (index < total % count ? 1 : 0));
}

/** What is used of the app of fastify. */
interface HookedApp {
  addHook(
    name: 'onRequest',
    hook: (
      request: { readonly id: string; readonly routeOptions: { readonly url?: string } },
      reply: { code(status: number): { send(body: object): void } },
      done: () => void,
    ) => void,
  ): void;
}

/** The files of the server, which are read again when the primary says so; false where something stays as it was. */
export interface FilesToReload {
  runKeys(): Promise<boolean>;
  run(): Promise<boolean>;
}

export class ServeChild {
  private readonly ended = new AbortController();
  private readonly gathering = new Map<number, (text: string) => void>();
  private asked = 0;
  private server: SinterServer | null = null;
  private files: FilesToReload | null = null;

  private constructor(readonly index: number) {
    process.on('message', this.hear);
  }

  /** This process, or null where it is no child of a primary. */
  static of(environment: NodeJS.ProcessEnv = process.env): ServeChild | null {
    const index = environment[PROCESS];
    return cluster.isWorker && index !== undefined ? new ServeChild(Number(index)) : null;
  }

  /** Aborts when the primary wants the process to end. */
  get signal(): AbortSignal {
    return this.ended.signal;
  }

  /**
   * Options of one of several processes: its share of the threads, and what is watched as it can be here: the metrics are those of
   * all, an audit log has a folder of its own.
   */
  options(
    lanes: number | undefined,
    processes: number,
    { audit, ...observe }: ObserveOptions = {},
  ): Pick<ServerOptions, 'lanes' | 'observe'> {
    const own = audit && { ...audit, folder: join(audit.folder, `process-${this.index}`) };
    return {
      lanes: shareOf(lanes ?? defaultLanes(), processes, this.index),
      observe: {
        ...observe,
        ...(own !== undefined && { audit: own }),
        gatherMetrics: (text) => this.gather(text),
      },
    };
  }

  /** Takes the server, before it listens. It refuses to load a model again alone. */
  adopt(server: SinterServer): void {
    this.server = server;
    const app = server.app as HookedApp;
    app.addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.url !== '/admin/reload') {
        done();
        return;
      }
      const message = `this is one of several processes: send SIGHUP to process ${process.ppid}, and all load their models again`;
      reply.code(409).send({ error: { code: 'validation', message, requestId: request.id } });
    });
  }

  /** Tells the primary that the server answers. */
  ready(address: string, files: FilesToReload): void {
    const { server } = this;
    if (server === null) return;
    this.files = files;
    const models = server.models.list().map(({ name, task }) => ({ name, task }));
    this.tell({ say: 'ready', address, models });
  }

  /** Lets the process end. */
  leave(): void {
    process.off('message', this.hear);
    cluster.worker?.disconnect();
  }

  private readonly hear = (message: ToProcess): void => {
    if (message.do === 'drain') this.ended.abort();
    else if (message.do === 'reload') void this.reload(message.id, this.files?.run());
    else if (message.do === 'reload-keys') void this.reload(message.id, this.files?.runKeys());
    else if (message.do === 'metrics') {
      if (this.server === null) return;
      this.tell({ say: 'metrics', id: message.id, text: this.server.metrics() });
    } else if (message.do === 'take-metrics') this.gathering.get(message.id)?.(message.text);
  };

  private async reload(id: number, running: Promise<boolean> | undefined): Promise<void> {
    const isGood = (await running) ?? false;
    this.tell({ say: 'reloaded', id, isGood });
  }

  private gather(own: string): Promise<string> {
    const id = this.asked++;
    return new Promise((resolve) => {
      const end = (text: string) => {
        clearTimeout(timer);
        this.gathering.delete(id);
        resolve(text);
      };
      const timer = setTimeout(() => end(own), GATHER_MS);
      this.gathering.set(id, end);
      this.tell({ say: 'gather-metrics', id });
    });
  }

  private tell(message: ToPrimary): void {
    // The primary may be gone; then this process ends as well.
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }
}
