/**
 * What `sinter serve` is told: flags, a configuration file, keys and models, as options of `createServer`.
 *
 * The rule: a flag counts more than the file; a key of the file that is not known is refused with the nearest name.
 */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { EMBEDDED_NAME } from '../checkpoint/embedded-model.js';
import { configError } from '../config/index.js';
import { show } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import type { ApiKeyOptions } from '../server/keys.js';
import type { ModelSource } from '../server/model-source.js';
import { SERVER_OPTIONS, type ServerOptions } from '../server/server-options.js';
import { usageMistake } from './arguments.js';

/** A key of the file. */
interface ConfigLine {
  readonly value: unknown;
  readonly line: number;
}

/** What the file says, by key. */
export type ServeConfig = ReadonlyMap<string, ConfigLine>;

/** Options that a file cannot say: functions, loggers and signals. */
const NOT_IN_FILES: ReadonlySet<string> = new Set(['redact', 'observers', 'logger', 'signal']);
const KEYS = ['models', ...Object.keys(SERVER_OPTIONS)].filter((key) => !NOT_IN_FILES.has(key));

/** The keys of the file. Throws INVALID_DATA with file and line. */
export async function readServeConfig(path: string | undefined): Promise<ServeConfig> {
  const found = new Map<string, ConfigLine>();
  if (path === undefined) return found;
  const { readConfigFile } = await import('../config/config-file.js');
  for (const { key, value, line } of await readConfigFile(path, configError)) {
    if (!KEYS.includes(key)) {
      const near = nearestName(key, KEYS);
      const hint = near === undefined ? `there are ${KEYS.join(', ')}` : `did you mean ${near}?`;
      throw configError(path, line, `unknown key ${show(key)}; ${hint}`);
    }
    // A key without a value is as one that is left out.
    if (value !== null) found.set(key, { value, line });
  }
  return found;
}

/** Where the models come from, by name: of the file, then of the command line; the embedded one where there are none. */
export async function modelsOf(
  given: readonly string[],
  names: readonly string[],
  config: ServeConfig,
  file: string | undefined,
): Promise<Record<string, ModelSource>> {
  const models = new Map(modelsOfConfig(config.get('models'), file));
  if (names.length > given.length) {
    throw usageMistake(`--name is given ${names.length} times for ${given.length} models`);
  }
  for (const [i, one] of given.entries()) {
    const { name, path } = await splitModel(one, names[i]);
    if (models.has(name)) {
      throw usageMistake(`two models would be called ${name}: give --name, or NAME=PATH`);
    }
    models.set(name, { path });
  }
  return Object.fromEntries(models.size > 0 ? models : [[EMBEDDED_NAME, {}]]);
}

function modelsOfConfig(
  entry: ConfigLine | undefined,
  file = '',
): readonly (readonly [string, ModelSource])[] {
  if (entry === undefined) return [];
  const { value, line } = entry;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const what = `models must hold names and paths, got ${show(value)}`;
    throw configError(file, line, what);
  }
  return Object.entries(value).map(([name, source]) => {
    return [name, typeof source === 'string' ? { path: source } : (source as ModelSource)];
  });
}

const NAMED = /^([\w.:@+-]+)=(.+)$/s;

/** `NAME=PATH` or a path, whose last part is the name. A path that exists is a path, whatever it looks like. */
async function splitModel(
  given: string,
  flag: string | undefined,
): Promise<{ readonly name: string; readonly path: string }> {
  const [, name, rest] = NAMED.exec(given) ?? [];
  const isPath = (await stat(given).catch(() => null)) !== null;
  if (name !== undefined && rest !== undefined && !isPath) {
    if (flag === undefined) return { name, path: rest };
    throw usageMistake(`${given} has a name already; --name ${flag} is another one`);
  }
  const last = basename(given).replace(/\.onnx$/i, '');
  return { name: flag ?? last, path: given };
}

const ENVIRONMENT = 'SINTER_API_KEYS';

/** Keys of --api-key-file and of SINTER_API_KEYS; undefined where there are none of either. */
export async function keysOf(
  file: string | undefined,
  environment: string | undefined = process.env[ENVIRONMENT],
): Promise<readonly ApiKeyOptions[] | undefined> {
  const keys: ApiKeyOptions[] = [];
  if (file !== undefined) {
    const { readConfigValue } = await import('../config/config-file.js');
    const found = await readConfigValue(file, configError);
    if (!Array.isArray(found) || found.length === 0) {
      throw configError(file, 1, 'must be a list of { name, key }');
    }
    keys.push(...(found as unknown as ApiKeyOptions[]));
  }
  if (environment !== undefined && environment !== '') {
    for (const one of environment.split(',')) {
      const [name = '', key] = one.trim().split(':', 2);
      if (key === undefined) {
        throw usageMistake(`${ENVIRONMENT} must be name:key, with commas between several`);
      }
      keys.push({ name, key });
    }
  }
  return keys.length === 0 ? undefined : keys;
}

/** The options of the file with those of the flags in their place. */
export function optionsOf(config: ServeConfig, flags: ServerOptions): ServerOptions {
  const file = [...config]
    .filter(([key]) => key !== 'models')
    .map(([key, { value }]) => [key, value]);
  return { ...Object.fromEntries(file), ...flags };
}

const OPTION = /^(?:createServer: )?(\w+)(.*)$/s;

/** A mistake about an option that the file says, with its file and line; other errors as they are. */
export function placed(error: unknown, config: ServeConfig, file: string | undefined): unknown {
  if (file === undefined || !(error instanceof TypeError || error instanceof RangeError)) {
    return error;
  }
  const [, option = '', rest = ''] = OPTION.exec(error.message) ?? [];
  const entry = config.get(option);
  return entry === undefined ? error : configError(file, entry.line, `${option}${rest}`);
}
