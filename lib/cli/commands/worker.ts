/**
 * `sinter worker`: does the jobs of a queue, until a signal ends it.
 *
 * The rule: SIGTERM and Ctrl+C let the jobs that run end, and put back those that take too long; a second signal does not wait.
 */
import { once } from 'node:events';
import { type Command, Option } from 'commander';
import { formatCount, formatDuration, formatNumber } from '../../core/units.js';
import { Encoder } from '../../models/encoder.js';
import { KIND_NAMES, KINDS, type Kind } from '../../models/kinds.js';
import type { TextModel } from '../../models/text-model.js';
import { createQueueWorker, type FinishedJob } from '../../worker/index.js';
import {
  given,
  type ModelOptions,
  numberFromZero,
  realNumber,
  usageMistake,
  wholeNumber,
  withCommon,
  withModel,
  withPooling,
  withThreads,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { taskOfModel } from '../model-task.js';
import { modelOptions, modelPath, onnxOptions } from '../open-model.js';
import { type QueueFlags, queueOf, withQueue } from '../queue-flags.js';

interface WorkerOptions extends CommonOptions, ModelOptions, QueueFlags {
  readonly concurrency?: number;
  readonly task?: Kind;
  readonly maxTokens?: number;
  readonly drainSeconds?: number;
  readonly stalledSeconds?: number;
  readonly maxStalls?: number;
  readonly threads?: number;
}

export function addWorker(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('worker')
    .summary('do the jobs of a queue')
    .description(
      'Takes jobs from a queue of BullMQ in Redis: texts in the job, or rows of a file whose results go to a file. An encoder gives ' +
        'vectors, a model with a head what predict gives. A job is done at least once, and doing it again leaves the same bytes. ' +
        'Needs the packages bullmq and ioredis: npm install bullmq ioredis.',
    )
    .argument('[model]', 'model folder, ONNX file or id (default: the embedded all-MiniLM-L6-v2)');
  withQueue(command)
    .option('--concurrency <n>', 'jobs at a time (default: 2)', wholeNumber(1))
    .addOption(
      new Option('--task <kind>', 'what the model is for, where its files do not say').choices(
        KIND_NAMES,
      ),
    )
    .option('--max-tokens <n>', 'cut texts to this many tokens', wholeNumber(3))
    .option(
      '--drain-seconds <s>',
      'wait for running jobs at the end, then put them back (default: 30)',
      numberFromZero,
    )
    .option(
      '--stalled-seconds <s>',
      'give a job to another worker after so long without a sign (default: 30)',
      realNumber('a number from 1', (value) => value >= 1),
    )
    .option(
      '--max-stalls <n>',
      'how often a job may lose its worker before it fails (default: 10)',
      wholeNumber(1),
    )
    .addHelpText(
      'after',
      `
Examples:
  $ sinter worker --queue vectors
  $ sinter worker my-model --redis redis://queue.internal:6379 --root /data
`,
    )
    .action((model: string | undefined, options: WorkerOptions) =>
      work(model, options, surroundings),
    );
  withCommon(withThreads(withPooling(withModel(command))));
}

async function work(
  path: string | undefined,
  options: WorkerOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { concurrency, drainSeconds, stalledSeconds, maxStalls } = options;
  const queue = queueOf(options);
  await using model = await loadAny(path, options, out.signal);
  const own = { concurrency, drainSeconds, stalledSeconds, maxStalls };
  const worker = await createQueueWorker(model, {
    ...{ ...queue, signal: out.signal },
    ...given(own),
    onJob: (job) => noteJob(job, out),
    onProblem: ({ message, name }) => out.warn(`Redis: ${message || name}`),
  });
  out.print(`waiting for jobs of ${queue.queue}\n`);
  if (!out.signal.aborted) await once(out.signal, 'abort');
  await worker.close();
  const { task, version, counts } = worker;
  const { done, failed, returned, rows } = counts;
  const all = [`${formatCount(done, 'job')} done`, formatCount(rows, 'row')];
  if (failed > 0) all.push(`${formatNumber(failed)} failed`);
  if (returned > 0) all.push(`${formatNumber(returned)} put back`);
  out.say(all.join(', '));
  out.json({ queue: queue.queue, task, version, ...counts });
}

async function loadAny(
  path: string | undefined,
  options: WorkerOptions,
  signal: AbortSignal,
): Promise<TextModel> {
  const { task, threads: lanes, maxTokens, pooling } = options;
  const load = given({ lanes, maxTokens, signal });
  const named = { ...options, model: path };
  const kind = path === undefined ? null : await taskOfModel(path, options);
  if (kind === null) {
    if (task !== undefined) throw usageMistake(`--task ${task} means nothing to an encoder`);
    return Encoder.load(await modelPath(path), { ...load, ...(await modelOptions(named)) });
  }
  if (pooling !== undefined) {
    throw usageMistake(`--pooling means nothing to ${path}, which is for ${kind}`);
  }
  return KINDS[kind].load(path as string, { ...load, ...(await onnxOptions(named)) });
}

function noteJob({ id, outcome, rows, ms, problem, isRetried }: FinishedJob, out: Console): void {
  if (outcome === 'done') {
    out.note(`${id}: ${formatCount(rows, 'row')} in ${formatDuration(ms)}`);
  } else if (outcome === 'returned') out.note(`${id}: put back, because the worker ends`);
  else out.warn(`${id}: failed${isRetried ? ', will be tried again' : ''}: ${problem}`);
}
