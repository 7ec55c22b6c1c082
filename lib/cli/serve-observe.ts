/**
 * What `sinter serve` watches: flags and the key `observe` of the configuration file, as the option of `createServer`.
 *
 * The rule: keys come from the environment, so that no file and no list of processes shows them.
 */
import type { ObserveOptions } from '../server/observe/options.js';
import { usageMistake } from './arguments.js';
import type { ServeConfig } from './serve-config.js';

export interface ObserveFlags {
  readonly baseline?: readonly string[];
  readonly audit?: string;
  readonly tracing?: boolean;
}

/** Keys of the hashes of an audit log, and of the signatures of webhooks. */
const AUDIT_KEY = 'SINTER_AUDIT_KEY';
const WEBHOOK_SECRET = 'SINTER_WEBHOOK_SECRET';

/** The option, or none where neither says anything. `models` are the names that are served. */
export function observeOf(
  flags: ObserveFlags,
  config: ServeConfig,
  models: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): { readonly observe?: ObserveOptions } {
  const inFile = config.get('observe')?.value;
  // What is no object is refused by the server, with its place in the file.
  if (inFile !== undefined && (typeof inFile !== 'object' || Array.isArray(inFile))) {
    return { observe: inFile as ObserveOptions };
  }
  const own = (inFile ?? {}) as ObserveOptions;
  const baselines = Object.fromEntries((flags.baseline ?? []).map((one) => namedFile(one, models)));
  const key = environment[AUDIT_KEY] || undefined;
  const secret = environment[WEBHOOK_SECRET] || undefined;
  const folder = flags.audit ?? own.audit?.folder;
  const audit =
    folder === undefined ? own.audit : { ...own.audit, folder, ...(key !== undefined && { key }) };
  return {
    observe: {
      ...own,
      ...(flags.baseline !== undefined && { baselines: { ...own.baselines, ...baselines } }),
      ...(audit !== undefined && { audit }),
      ...(secret !== undefined && { webhook: { ...own.webhook, secret } }),
      ...(flags.tracing === true && { tracing: true }),
    },
  };
}

/** `NAME=FILE`, or a file where one model is served. */
function namedFile(given: string, models: readonly string[]): readonly [string, string] {
  const name = models.find((one) => given.startsWith(`${one}=`));
  if (name !== undefined) return [name, given.slice(name.length + 1)];
  const [only] = models;
  if (only !== undefined && models.length === 1 && !given.includes('=')) return [only, given];
  throw usageMistake(`--baseline must be NAME=FILE, with one of ${models.join(', ')} as NAME`);
}
