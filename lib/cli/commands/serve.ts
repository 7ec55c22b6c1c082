/**
 * `sinter serve`: models behind HTTP, until a signal ends it.
 *
 * The rule: SIGTERM and Ctrl+C let open requests be answered, a second one does not wait; SIGHUP reads configuration, keys
 * and models again.
 */
import { once } from 'node:events';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { throwIfAborted } from '../../core/errors.js';
import { errnoOf } from '../../files/index.js';
import { defaultLanes } from '../../native/lanes.js';
import { createServer, type SinterServer } from '../../server/index.js';
import { LOG_LEVELS, type ServerOptions } from '../../server/server-options.js';
import {
  given,
  numberFromZero,
  usageMistake,
  wholeNumber,
  withCommon,
  withThreads,
} from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import type { ServeChild } from '../serve-child.js';
import { keysOf, modelsOf, optionsOf, placed, readServeConfig } from '../serve-config.js';
import { logSink } from '../serve-log.js';
import { type ObserveFlags, observeOf } from '../serve-observe.js';
import { ServeReload } from '../serve-reload.js';

interface ServeOptions extends CommonOptions, ObserveFlags, Pick<ServerOptions, FlagOption> {
  readonly name?: readonly string[];
  readonly config?: string;
  readonly apiKeyFile?: string;
  readonly corsAllowOrigin?: readonly string[];
  readonly maxBatchTokens?: number;
  readonly maxWaitMs?: number;
  readonly logFormat?: 'json' | 'text';
  readonly threads?: number;
  readonly processes?: number;
}

/** Options of the server whose flags have their names. */
const FLAG_OPTIONS = [
  ...[
    'host',
    'port',
    'maxConcurrentRequests',
    'maxClientBatchSize',
    'maxQueueTokens',
    'maxQueueMs',
  ],
  ...['requestTimeoutMs', 'bodyLimit', 'autoTruncate', 'warmUp', 'drainSeconds'],
  ...['drainDelaySeconds', 'logTexts', 'logLevel', 'laneNiceness'],
] as readonly FlagOption[];
type FlagOption =
  | 'host'
  | 'port'
  | 'maxConcurrentRequests'
  | 'maxClientBatchSize'
  | 'maxQueueTokens'
  | 'maxQueueMs'
  | 'requestTimeoutMs'
  | 'bodyLimit'
  | 'autoTruncate'
  | 'warmUp'
  | 'drainSeconds'
  | 'drainDelaySeconds'
  | 'logTexts'
  | 'logLevel'
  | 'laneNiceness';

export function addServe(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('serve')
    .summary('answer requests over HTTP')
    .description(
      'Serves models over HTTP: vectors, labels, entities, answers, scores of pairs and masked words, in the forms of OpenAI, ' +
        'of text-embeddings-inference and our own. Requests that come together are computed together. SIGTERM and Ctrl+C let ' +
        'open requests be answered; SIGHUP reads --config and the keys again and loads the models again. Without a model it serves the embedded all-MiniLM-L6-v2.',
    )
    .argument('[models...]', 'model folders, ONNX files or ids; NAME=PATH gives one a name')
    .option('--name <name>', 'name of a model, in their order (default: its folder)', collect)
    .option('--config <file>', 'YAML or JSON with the options of the server and of its models');
  for (const option of limitOptions()) command.addOption(option);
  for (const option of logOptions()) command.addOption(option);
  command
    .addHelpText(
      'after',
      `
Examples:
  $ sinter serve
  $ sinter serve my-model --port 8080
  $ sinter serve intents=models/banking vectors=sentence-transformers/all-MiniLM-L6-v2
  $ sinter serve --config serve.yaml --host 0.0.0.0 --api-key-file keys.yaml
`,
    )
    .action((models: string[], _: ServeOptions, own: Command) => serve(models, own, surroundings));
  withCommon(withThreads(command));
}

function limitOptions(): Option[] {
  const option = (flags: string, what: string, parse?: (text: string) => unknown) => {
    const made = new Option(flags, what);
    return parse === undefined ? made : made.argParser(parse);
  };
  const count = wholeNumber(1);
  return [
    option(
      '--processes <n>',
      'processes that share the port and the threads (default: 1)',
      wholeNumber(1),
    ),
    option(
      '--lane-niceness <n>',
      'priority of the threads that compute, 0 to 19, so that requests are read meanwhile (default: 10)',
      wholeNumber(0),
    ),
    option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)'),
    option('--port <n>', 'port to listen on; 0: a free one (default: 3000)', port),
    option(
      '--api-key-file <file>',
      'YAML or JSON: a list of { name, key, limits, priority, admin }',
    ),
    option(
      '--cors-allow-origin <origin>',
      'let web pages of this origin call; * for all',
    ).argParser(collect),
    option('--max-concurrent-requests <n>', 'requests at a time (default: 512)', count),
    option('--max-client-batch-size <n>', 'texts in one request (default: 512)', count),
    option('--max-queue-tokens <n>', 'tokens of open requests of a model (default: 262144)', count),
    option('--max-queue-ms <ms>', 'longest wait for those before (default: 5000)', count),
    option('--max-batch-tokens <n>', 'tokens of one native batch (default: 512 per thread)', count),
    option(
      '--max-wait-ms <ms>',
      'hold a request back for others to join (default: 0)',
      numberFromZero,
    ),
    option('--request-timeout-ms <ms>', 'longest time for an answer (default: 60000)', count),
    option('--body-limit <bytes>', 'largest body of a request (default: 2000000)', count),
    option('--no-auto-truncate', 'refuse texts over the limit where a request does not say'),
    option('--no-warm-up', 'be ready before the models have run once'),
    option(
      '--drain-seconds <s>',
      'wait for open requests at the end (default: 30)',
      numberFromZero,
    ),
    option(
      '--drain-delay-seconds <s>',
      'take requests for so long after the signal, while /readyz says no (default: 0)',
      numberFromZero,
    ),
  ];
}

function logOptions(): Option[] {
  return [
    new Option('--log-level <level>', 'least level of a log line (default: info)').choices(
      LOG_LEVELS,
    ),
    new Option(
      '--log-format <kind>',
      'lines of the log (default: text on a terminal, else json)',
    ).choices(['json', 'text']),
    new Option('--log-texts', 'log the texts of requests'),
    new Option(
      '--baseline <name=file>',
      'baseline of a model (see: sinter baseline), to notice drift',
    ).argParser(collect),
    new Option('--audit <dir>', 'log every request, without texts, in files that can be verified'),
    new Option('--tracing', 'make spans with the installed package @opentelemetry/api'),
  ];
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

function port(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= 65_535) return value;
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.');
}

async function serve(
  paths: readonly string[],
  command: Command,
  surroundings: Surroundings,
): Promise<void> {
  const options = command.opts<ServeOptions>();
  const out = new Console(surroundings, options);
  if ((options.processes ?? 1) === 1) {
    await serveOne(paths, command, surroundings, null);
    return;
  }
  const { ServeChild } = await import('../serve-child.js');
  const child = ServeChild.of();
  if (child === null) {
    await serveSeveral(options, surroundings, out);
    return;
  }
  try {
    await serveOne(paths, command, surroundings, child);
  } finally {
    child.leave();
  }
}

/** Starts processes that share the port; this one serves nothing. */
async function serveSeveral(
  { processes = 1, threads }: ServeOptions,
  surroundings: Surroundings,
  out: Console,
): Promise<void> {
  const { ServeProcesses } = await import('../serve-processes.js');
  const lanes = threads ?? defaultLanes();
  if (lanes < processes) {
    out.warn(`${processes} processes share ${lanes} threads: each of them has one`);
  }
  const all = new ServeProcesses(processes, surroundings, out);
  const ended = out.signal.aborted ? Promise.resolve() : once(out.signal, 'abort');
  try {
    const started = await Promise.race([all.start(), ended.then(() => null)]);
    throwIfAborted(started === null ? out.signal : undefined, 'serve');
    if (started === null) return;
    out.print(`listening on ${started.address}\n`);
    out.json({ ...started, processes });
    surroundings.onHangUp?.(() => void all.reload());
    await ended;
  } finally {
    await all.end();
  }
}

/** Serves in this process, alone or as one of several. */
async function serveOne(
  paths: readonly string[],
  command: Command,
  surroundings: Surroundings,
  child: ServeChild | null,
): Promise<void> {
  const options = command.opts<ServeOptions>();
  const out = new Console(surroundings, options);
  const read = async () => {
    const config = await readServeConfig(options.config);
    const models = await modelsOf(paths, options.name ?? [], config, options.config);
    return { config, models, stated: optionsOf(config, await flagsOf(command, options)) };
  };
  const settings = await read();
  const { config, models, stated } = settings;
  const { quiet, logFormat } = options;
  const isShort =
    logFormat === undefined ? surroundings.stderr.isTTY === true : logFormat === 'text';
  const { signal } = child === null ? out : { signal: AbortSignal.any([out.signal, child.signal]) };
  const { observe } = observeOf(options, config, Object.keys(models));
  const all: ServerOptions = {
    ...stated,
    ...(observe !== undefined && { observe }),
    ...child?.options(stated.lanes, options.processes ?? 1, observe),
    ...(quiet !== true && { logger: logSink(surroundings.stderr, isShort) }),
    signal,
  };
  const server = await createServer(models, all).catch((error: unknown) => {
    throw placed(error, config, options.config);
  });
  const isFirst = child === null || child.index === 0;
  if (isFirst) warnOfStrangers(all, out);
  child?.adopt(server);
  const reloading = new ServeReload(server, settings, read, out, isFirst);
  const address = await listen(server, all);
  if (child === null) {
    out.print(`listening on ${address}\n`);
    out.json({ address, models: server.models.list().map(({ name, task }) => ({ name, task })) });
    surroundings.onHangUp?.(() => void reloading.run());
  } else child.ready(address, reloading);
  if (!signal.aborted) await once(signal, 'abort');
  await server.close();
}

/** The options that flags say; one that was not given is left out. */
async function flagsOf(command: Command, options: ServeOptions): Promise<ServerOptions> {
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  const own = FLAG_OPTIONS.filter(isGiven).map((name) => [name, options[name]]);
  const { corsAllowOrigin: corsAllowOrigins, maxBatchTokens, maxWaitMs } = options;
  const batch = given({ maxBatchTokens, maxWaitMs });
  const apiKeys = await keysOf(options.apiKeyFile);
  return given({
    ...(Object.fromEntries(own) as ServerOptions),
    corsAllowOrigins,
    apiKeys,
    lanes: options.threads,
    batch: Object.keys(batch).length > 0 ? batch : undefined,
  }) as ServerOptions;
}

const LOCAL = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/;

function warnOfStrangers({ host = 'localhost', apiKeys = [] }: ServerOptions, out: Console): void {
  if (LOCAL.test(host) || apiKeys.length > 0) return;
  out.warn(`anybody who reaches ${host} may use the models; --api-key-file says who may`);
}

/** Opens the port; a mistake in it is one of the command line. */
async function listen(server: SinterServer, options: ServerOptions): Promise<string> {
  const { host = '127.0.0.1', port: number = 3000 } = options;
  try {
    return await server.listen();
  } catch (error) {
    const what = PORT_PROBLEMS[(error as NodeJS.ErrnoException).code ?? ''];
    if (what !== undefined) throw usageMistake(what(host, number));
    if (errnoOf(error) !== null) throw usageMistake(`${host}:${number} cannot be listened on`);
    throw error;
  }
}

const noAddress = (host: string) => `--host ${host} is no address of this machine`;
const PORT_PROBLEMS: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (host, number) => `port ${number} of ${host} is in use: give another one with --port`,
  EACCES: (_, number) => `port ${number} is for privileged users: give one from 1024 with --port`,
  EADDRNOTAVAIL: noAddress,
  ENOTFOUND: noAddress,
  EAI_AGAIN: noAddress,
};
