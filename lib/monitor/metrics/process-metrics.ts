/**
 * Metrics of the process, by the names that Prometheus' clients give them: memory, processor time, handles, and how late the event
 * loop is.
 *
 * The rule: nothing is measured between two readings but the delay of the event loop, which libuv counts by itself.
 */
import { readdirSync } from 'node:fs';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Registry } from './registry.js';

/** Milliseconds between two looks at the event loop. */
const RESOLUTION_MS = 10;
const NANOSECONDS = 1e9;

/** How late the event loop is. End it with `stop`. */
export class EventLoopLag {
  private readonly delays: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor() {
    this.delays.enable();
  }

  /** Seconds by which a timer is late beyond its interval: the mean, and the largest delay since the last `reset`. */
  get seconds(): { readonly mean: number; readonly p99: number; readonly max: number } {
    const { count, mean, max } = this.delays;
    if (count === 0) return { mean: 0, p99: 0, max: 0 };
    const late = (nanoseconds: number) =>
      Math.max(0, nanoseconds - RESOLUTION_MS * 1e6) / NANOSECONDS;
    return { mean: late(mean), p99: late(this.delays.percentile(99)), max: late(max) };
  }

  reset(): void {
    this.delays.reset();
  }

  stop(): void {
    this.delays.disable();
  }
}

/** Adds the metrics of the process. The delay of the event loop is that since the last reading. */
export function addProcessMetrics(registry: Registry, lag: EventLoopLag): void {
  registry.readCounter({
    name: 'process_cpu_seconds_total',
    help: 'Seconds of processor time that the process has used, user and system.',
    read: () => {
      const { user, system } = process.cpuUsage();
      return [{ value: (user + system) / 1e6 }];
    },
  });
  registry.gauge({
    name: 'process_start_time_seconds',
    help: 'When the process began, in seconds since 1970.',
    read: () => [{ value: Math.round(performance.timeOrigin / 1000) }],
  });
  registry.gauge({
    name: 'process_resident_memory_bytes',
    help: 'Bytes of memory that the process holds, native memory included.',
    read: () => [{ value: process.memoryUsage.rss() }],
  });
  registry.gauge({
    name: 'process_open_fds',
    help: 'File descriptors that are open; absent where the system does not tell.',
    read: openFiles,
  });
  registry.gauge({
    name: 'nodejs_heap_size_used_bytes',
    help: 'Bytes of the JavaScript heap that are used.',
    read: () => [{ value: process.memoryUsage().heapUsed }],
  });
  registry.gauge({
    name: 'nodejs_external_memory_bytes',
    help: 'Bytes of buffers and other memory that JavaScript objects hold outside the heap.',
    read: () => [{ value: process.memoryUsage().external }],
  });
  addLag(registry, lag);
}

function addLag(registry: Registry, lag: EventLoopLag): void {
  registry.gauge({
    name: 'nodejs_eventloop_lag_p99_seconds',
    help: 'Seconds by which 99 % of the timers since the last reading were late at most.',
    read: () => [{ value: lag.seconds.p99 }],
  });
  registry.gauge({
    name: 'nodejs_eventloop_lag_max_seconds',
    help: 'The largest delay of a timer since the last reading, in seconds.',
    read: () => [{ value: lag.seconds.max }],
  });
  registry.gauge({
    name: 'nodejs_eventloop_lag_seconds',
    help: 'Mean of the seconds by which timers were late since the last reading.',
    read: () => {
      const { mean } = lag.seconds;
      lag.reset();
      return [{ value: mean }];
    },
  });
}

/** Linux lists them as files. */
function openFiles(): { readonly value: number }[] {
  try {
    return [{ value: readdirSync('/proc/self/fd').length }];
  } catch {
    return [];
  }
}
