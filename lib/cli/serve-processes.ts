/**
 * The primary of `sinter serve --processes`: starts processes that share a port, starts those again that end by themselves, and passes
 * on what concerns all of them.
 *
 * The rule: it serves nothing and loads no model; it hands out connections in turn, because Node 20 cannot let processes share a port
 * by themselves.
 */
import cluster, { type Worker } from 'node:cluster';
import { formatDuration } from '../core/units.js';
import { joinMetricTexts, type ProcessText } from '../monitor/index.js';
import type { Console, Surroundings } from './context.js';
import { ProcessFailure } from './exit-codes.js';
import { PROCESS, type ToPrimary, type ToProcess } from './serve-messages.js';

/** Longest wait for the metrics of a process. */
const METRICS_MS = 1000;
/** Waits before a process is started again: the first one, and the longest; each is twice the one before. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** A process that was ready for so long has not failed in a row. */
const GOOD_MS = 60_000;

/** A process of the server, whichever process it is now. */
interface Place {
  readonly index: number;
  worker: Worker;
  /** Milliseconds of performance.now() since which it is ready; null before that. */
  readyAt: number | null;
  restarts: number;
  /** Ends in a row, each soon after the start. */
  failures: number;
}

type Answers = 'reloaded' | 'metrics';
type Answer = Extract<ToPrimary, { readonly say: Answers }>;

export class ServeProcesses {
  private readonly places: Place[] = [];
  private readonly waiting = new Map<string, (answer: Answer) => void>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private onReady: ((index: number, message: Extract<ToPrimary, { say: 'ready' }>) => void) | null =
    null;
  private onEarlyEnd: ((error: Error) => void) | null = null;
  private onEmpty: (() => void) | null = null;
  private asked = 0;
  private isEnding = false;
  private reloading: Promise<void> | null = null;

  constructor(
    private readonly count: number,
    surroundings: Surroundings,
    private readonly out: Console,
  ) {
    cluster.setupPrimary({ args: [...surroundings.args] });
    cluster.on('message', (worker, message: ToPrimary) => this.hear(worker, message));
    cluster.on('exit', (worker, code, signal) => this.onExit(worker, code, signal));
  }

  /** Starts one process, and the others when it is ready, so that a mistake is told once. */
  async start(): Promise<{ readonly address: string; readonly models: readonly object[] }> {
    const first = await this.startFrom(0, 1);
    if (this.count > 1 && !this.isEnding) await this.startFrom(1, this.count);
    return first;
  }

  /** Ends all processes; resolves when they are gone. */
  async end(): Promise<void> {
    this.isEnding = true;
    for (const timer of this.timers) clearTimeout(timer);
    for (const { worker } of this.places) this.tell(worker, { do: 'drain' });
    if (this.alive().length === 0) return;
    await new Promise<void>((resolve) => {
      this.onEmpty = resolve;
    });
  }

  /** Loads the models again in one process after the other; the first that keeps its old ones ends the round. */
  async reload(): Promise<void> {
    if (this.reloading !== null) {
      this.out.warn('the models are being loaded again already');
      return;
    }
    this.reloading = this.reloadAll();
    await this.reloading.finally(() => {
      this.reloading = null;
    });
  }

  /** Keys first, in all processes: one that was taken away is refused everywhere, whatever becomes of the models. */
  private async reloadAll(): Promise<void> {
    const running = this.places.filter(({ readyAt }) => readyAt !== null);
    await Promise.all(running.map(({ worker }) => this.ask(worker, 'reload-keys', null)));
    for (const [done, { worker, index, readyAt }] of this.places.entries()) {
      // One that is starting loads what is there now.
      if (readyAt === null) continue;
      const answer = await this.ask(worker, 'reload', null);
      if (answer?.say === 'reloaded' && answer.isGood) continue;
      const rest = this.count - done - 1;
      this.out.warn(`process ${index} was not loaded again; ${rest} more were not asked`);
      return;
    }
    this.out.note(`${this.count} processes have loaded their models again`);
  }

  private startFrom(
    from: number,
    to: number,
  ): Promise<{ readonly address: string; readonly models: readonly object[] }> {
    return new Promise((resolve, reject) => {
      const missing = new Set(Array.from({ length: to - from }, (_, i) => from + i));
      this.onReady = (index, { address, models }) => {
        missing.delete(index);
        if (missing.size > 0) return;
        this.onReady = null;
        this.onEarlyEnd = null;
        resolve({ address, models });
      };
      this.onEarlyEnd = reject;
      for (const index of missing) this.places[index] = this.fork(index);
    });
  }

  private fork(index: number): Place {
    const worker = cluster.fork({ [PROCESS]: String(index) });
    return { index, worker, readyAt: null, restarts: 0, failures: 0 };
  }

  private alive(): readonly Place[] {
    return this.places.filter(({ worker }) => !worker.isDead());
  }

  private hear(worker: Worker, message: ToPrimary): void {
    const place = this.places.find((one) => one.worker.id === worker.id);
    if (place === undefined) return;
    if (message.say === 'ready') {
      place.readyAt = performance.now();
      this.onReady?.(place.index, message);
      // A signal may have come while it started.
      if (this.isEnding) this.tell(worker, { do: 'drain' });
    } else if (message.say === 'gather-metrics') void this.gather(worker, message.id);
    else this.waiting.get(`${worker.id} ${message.id}`)?.(message);
  }

  private onExit(worker: Worker, code: number, signal: string | null): void {
    const place = this.places.find((one) => one.worker.id === worker.id);
    for (const [key, answer] of this.waiting) {
      if (key.startsWith(`${worker.id} `)) answer({ say: 'reloaded', id: -1, isGood: false });
    }
    if (this.isEnding) {
      if (this.alive().length === 0) this.onEmpty?.();
      if (this.onEarlyEnd !== null) this.onEarlyEnd(new ProcessFailure('the server ended', code));
      return;
    }
    if (place === undefined) return;
    const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
    if (this.onEarlyEnd !== null && place.restarts === 0) {
      const reject = this.onEarlyEnd;
      this.onEarlyEnd = null;
      const what = `process ${place.index} of the server ended ${how} before it was ready`;
      void this.end().then(() => reject(new ProcessFailure(what, code)));
      return;
    }
    this.restart(place, how);
  }

  private restart(place: Place, how: string): void {
    const lived = place.readyAt === null ? 0 : performance.now() - place.readyAt;
    place.failures = lived >= GOOD_MS ? 0 : place.failures;
    place.readyAt = null;
    const ms = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** place.failures);
    place.failures += 1;
    place.restarts += 1;
    this.out.warn(`process ${place.index} ended ${how}; a new one starts in ${formatDuration(ms)}`);
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      place.worker = this.fork(place.index).worker;
    }, ms);
    this.timers.add(timer);
  }

  /** Sends the metrics of all processes to the one that asked. */
  private async gather(worker: Worker, id: number): Promise<void> {
    const texts = await Promise.all(
      this.places.map(async (place): Promise<ProcessText> => {
        const answer =
          place.readyAt === null ? null : await this.ask(place.worker, 'metrics', METRICS_MS);
        const text = answer?.say === 'metrics' ? answer.text : null;
        return { process: String(place.index), text, restarts: place.restarts };
      }),
    );
    this.tell(worker, { do: 'take-metrics', id, text: joinMetricTexts(texts) });
  }

  /** The answer of a process; null where there is none within `ms`, or the process ends. */
  private ask(
    worker: Worker,
    what: 'reload-keys' | 'reload' | 'metrics',
    ms: number | null,
  ): Promise<Answer | null> {
    const id = this.asked++;
    const key = `${worker.id} ${id}`;
    return new Promise((resolve) => {
      const end = (answer: Answer | null) => {
        if (timer !== null) clearTimeout(timer);
        this.waiting.delete(key);
        resolve(answer);
      };
      const timer = ms === null ? null : setTimeout(() => end(null), ms);
      this.waiting.set(key, end);
      this.tell(worker, { do: what, id });
    });
  }

  private tell(worker: Worker, message: ToProcess): void {
    if (worker.isConnected()) worker.send(message, () => {});
  }
}
