/**
 * Measures the speed of a model with different settings: lanes and precision, then the batch size of a batcher.
 *
 * The rule: all settings of a table run once in every round, so that a change of the machine's speed meets all of them.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { median } from '../core/median.js';
import { workerFile } from '../core/package-files.js';
import type { ModelOptions } from './arguments.js';
import { measure } from './measure.js';
import type { WorkerAnswer, WorkerRequest, WorkerSetup } from './settings-worker.js';

export type Precision = 'f32' | 'int8';

/** One number of lanes in one precision. */
export interface LaneSpeed {
  readonly lanes: number;
  readonly precision: Precision;
  /** Speed with all texts in one call. */
  readonly tokensPerSecond: number;
  /** Time of a call with one text: the median over some texts. */
  readonly oneTextMs: number;
  readonly rounds: readonly number[];
}

/** One `maxBatchTokens` of a batcher whose queue is never empty. */
export interface BatchSpeed {
  readonly maxBatchTokens: number;
  readonly tokensPerSecond: number;
  /** Milliseconds of a full batch: how long a request may wait for the batch before it. */
  readonly batchMs: number;
  readonly rounds: readonly number[];
}

export interface SettingsRequest {
  readonly model: string | undefined;
  /** How it is loaded. */
  readonly choice: ModelOptions;
  readonly texts: readonly string[];
  /** In all texts. */
  readonly tokens: number;
  /** The most lanes to try. */
  readonly threads: number;
  readonly precisions: readonly Precision[];
  /** Whether the int8 form must be quantized first. */
  readonly quantize: boolean;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/** Tokens of a batch per lane: from short waits to much work at a time. */
const TOKENS_PER_LANE = [128, 256, 512, 1024, 2048] as const;

/** One lane, half of them, all of them. */
export function laneCounts(threads: number): number[] {
  return [...new Set([1, Math.max(1, threads >> 1), threads])];
}

/** Worker threads, each with its own lanes and model; their weights are held once. `close` ends them. */
export class SettingsBench {
  private constructor(
    private readonly request: SettingsRequest,
    private readonly workers: ReadonlyMap<number, Worker>,
  ) {}

  static async start(request: SettingsRequest): Promise<SettingsBench> {
    const { model, choice, texts, quantize } = request;
    const workers = new Map<number, Worker>();
    const bench = new SettingsBench(request, workers);
    try {
      for (const lanes of laneCounts(request.threads)) {
        throwIfAborted(request.signal, 'bench');
        const workerData: WorkerSetup = { model, choice, lanes, texts, quantize };
        const worker = new Worker(workerFile('settings-worker'), { workerData });
        workers.set(lanes, worker);
        await answerOf(worker);
      }
    } catch (error) {
      await bench.close();
      throw error;
    }
    return bench;
  }

  /** Measures every number of lanes in every precision. */
  async lanes(): Promise<LaneSpeed[]> {
    const { precisions, tokens } = this.request;
    const settings = [...this.workers.keys()].flatMap((lanes) =>
      precisions.map((precision) => ({ lanes, precision })),
    );
    const single = new Map(settings.map((setting) => [setting, [] as number[]]));
    const times = await this.time(settings, async (setting) => {
      const { lanes, precision } = setting;
      const [ms = Number.NaN] = await this.ask(lanes, { what: 'all', precision });
      single.get(setting)?.push(median(await this.ask(lanes, { what: 'one', precision })));
      return ms;
    });
    return settings.map((setting, i) => {
      const rounds = times[i] ?? [];
      const oneTextMs = median(single.get(setting) ?? []);
      return { ...setting, tokensPerSecond: speedOf(tokens, rounds), oneTextMs, rounds };
    });
  }

  /** Measures every batch size on some lanes in one precision. */
  async batches(lanes: number, precision: Precision): Promise<BatchSpeed[]> {
    const { tokens } = this.request;
    // A size beyond all tokens would give the same batch again.
    const sizes = TOKENS_PER_LANE.map((size) => size * lanes).filter(
      (size, i) => i === 0 || size <= tokens,
    );
    const full = (maxBatchTokens: number) => Math.min(maxBatchTokens, tokens);
    const times = await this.time(sizes, async (maxBatchTokens) => {
      const request = { what: 'batches', precision, maxBatchTokens } as const;
      const [ms = Number.NaN] = await this.ask(lanes, request);
      return ms;
    });
    return sizes.map((maxBatchTokens, i) => {
      const rounds = times[i] ?? [];
      const tokensPerSecond = speedOf(tokens, rounds);
      const batchMs = (1000 * full(maxBatchTokens)) / tokensPerSecond;
      return { maxBatchTokens, tokensPerSecond, batchMs, rounds };
    });
  }

  async close(): Promise<void> {
    await Promise.all([...this.workers.values()].map((worker) => worker.terminate()));
  }

  /** Milliseconds of each counted round of each setting, as `run` measures them. */
  private async time<T>(settings: readonly T[], run: (setting: T) => Promise<number>) {
    const { rounds, signal, onProgress } = this.request;
    const times = settings.map((): number[] => []);
    let done = 0;
    const candidates = settings.map((setting, i) => ({
      name: String(i),
      run: async () => void times[i]?.push(await run(setting)),
    }));
    const onRun = () => onProgress(++done / ((rounds + 1) * settings.length));
    await measure(candidates, { rounds, signal, onRun });
    // The first round is warm-up.
    return times.map((all) => all.slice(1));
  }

  private async ask(lanes: number, request: WorkerRequest): Promise<readonly number[]> {
    const worker = this.workers.get(lanes);
    if (worker === undefined)
      throw new SinterError('INTERNAL', `bench: no worker on ${lanes} lanes`);
    worker.postMessage(request);
    const answer = await answerOf(worker);
    return 'ms' in answer ? answer.ms : [];
  }
}

/** The next message of a worker; throws the error of a worker that failed. */
async function answerOf(worker: Worker): Promise<WorkerAnswer> {
  const ended = new AbortController();
  const { signal } = ended;
  const exit = once(worker, 'exit', { signal }).then(([code]) => {
    throw new SinterError('INTERNAL', `bench: a worker thread ended with code ${code}`);
  });
  try {
    const [answer] = (await Promise.race([once(worker, 'message', { signal }), exit])) as [
      WorkerAnswer,
    ];
    if ('error' in answer) throw new SinterError('INTERNAL', `bench: ${answer.error}`);
    return answer;
  } finally {
    exit.catch(() => {});
    ended.abort();
  }
}

function speedOf(tokens: number, rounds: readonly number[]): number {
  return (1000 * tokens) / median(rounds);
}
