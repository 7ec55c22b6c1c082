/**
 * A worker thread of this package, called like an object: started for one task, ended with it.
 *
 * The thread keeps the process alive only while a call waits for its answer. An abort ends it at once, whatever it is doing.
 */

import { Worker } from 'node:worker_threads';
import { SinterError, throwIfAborted } from './errors.js';
import { workerFile } from './package-files.js';
import { type Handlers, ThreadPort } from './thread.js';

/** Limit of a worker's JavaScript heap, which typed arrays do not count towards. A model of 24 layers takes a tenth of it. */
const HEAP_MEGABYTES = 1024;

export interface WorkerSettings {
  /** Name of the caller, for error messages. */
  readonly where: string;
  readonly signal: AbortSignal | undefined;
}

export class WorkerThread {
  private readonly worker: Worker;
  private readonly port: ThreadPort;
  private readonly end: () => void;

  /** Starts the worker thread `name` of `workerFile`. */
  constructor(name: string, { where, signal }: WorkerSettings) {
    throwIfAborted(signal, where);
    this.worker = new Worker(workerFile(name), {
      // Flags of the process may name scripts or loaders that are not meant for this thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MEGABYTES },
    });
    this.port = new ThreadPort(this.worker);
    const abort = () => {
      try {
        throwIfAborted(signal, where);
      } catch (error) {
        this.stop(error);
      }
    };
    signal?.addEventListener('abort', abort, { once: true });
    this.end = () => signal?.removeEventListener('abort', abort);
    this.worker.on('error', (error) => this.stop(knownError(where, error)));
    this.worker.on('exit', (code) => {
      this.stop(new SinterError('INTERNAL', `${where}: a worker thread ended with code ${code}`));
    });
  }

  /** Sets the functions that the worker may call here while a call to it waits. */
  serve(handlers: Handlers): void {
    this.port.serve(handlers);
  }

  async call<T>(name: string, argument: unknown): Promise<T> {
    this.worker.ref();
    try {
      return await this.port.call<T>(name, argument);
    } finally {
      if (this.port.waiting === 0) this.worker.unref();
    }
  }

  /** Ends the thread. May be called twice. */
  async close(): Promise<void> {
    this.stop(new SinterError('DISPOSED', 'the worker thread was ended'));
  }

  private stop(error: unknown): void {
    this.end();
    this.port.fail(error);
    // Whether the thread ends with an error no longer matters.
    this.worker.terminate().catch(() => {});
  }
}

function knownError(where: string, error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ERR_WORKER_OUT_OF_MEMORY') return error;
  return new SinterError('OUT_OF_MEMORY', `${where}: the model's graph takes too much memory`, {
    cause: error,
  });
}
