/**
 * The page of a monitor, drawn in a worker thread when somebody looks.
 *
 * The rule: one drawing serves all who look in the same seconds; the thread lives while there are lookers, and keeps no process
 * alive.
 */
import { WorkerThread } from '../../core/worker-thread.js';
import type { Monitor } from '../monitor.js';
import { monitorData } from './monitor-data.js';

/** Milliseconds for which a drawing serves all. */
const KEPT_MS = 2000;
/** How long the thread waits for the next looker. */
const IDLE_MS = 60_000;

export class MonitorPage {
  private drawing: { readonly at: number; readonly html: Promise<string> } | null = null;
  private thread: WorkerThread | null = null;
  private readonly idle: NodeJS.Timeout;

  constructor(
    private readonly monitor: Monitor,
    private readonly version: string,
  ) {
    this.idle = setInterval(() => this.endIdle(), IDLE_MS);
    this.idle.unref();
  }

  /** The page as HTML. */
  html(): Promise<string> {
    const now = Date.now();
    if (this.drawing === null || now - this.drawing.at >= KEPT_MS) {
      this.drawing = { at: now, html: this.draw(now) };
    }
    return this.drawing.html;
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    clearInterval(this.idle);
    await this.end();
  }

  private async draw(now: number): Promise<string> {
    this.thread ??= new WorkerThread('page-worker', { where: 'monitor', signal: undefined });
    try {
      return await this.thread.call<string>('draw', monitorData(this.monitor, this.version, now));
    } catch (error) {
      // The next look begins with another thread.
      this.drawing = null;
      await this.end();
      throw error;
    }
  }

  private endIdle(): void {
    if (this.drawing !== null && Date.now() - this.drawing.at < IDLE_MS) return;
    this.drawing = null;
    void this.end();
  }

  private async end(): Promise<void> {
    const { thread } = this;
    this.thread = null;
    await thread?.close();
  }
}
