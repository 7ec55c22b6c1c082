/**
 * Options of a training from a file, by our names or by those of TrainingArguments.
 *
 * Every key is an option, or is refused with its line; two keys that say different things about one option are refused too.
 */

import { rangeMistake, show } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { readOptions } from '../core/options.js';
import { MODEL_TRAIN_OPTIONS } from '../models/trainable-model.js';
import { EMBEDDING_LOSS_OPTIONS } from '../tasks/embedding/loss-options.js';
import { LOSS_OPTIONS } from '../tasks/text-classification/loss-options.js';
import {
  readBottleneckOptions,
  readIa3Options,
  readLoraOptions,
} from '../train/adapter-options.js';
import { readCheckpointOptions } from '../train/checkpoint-options.js';
import { readLogOptions } from '../train/log-options.js';
import { readTrainOptions, TRAIN_OPTIONS, type TrainOptions } from '../train/train-options.js';
import { type ConfigEntry, configError } from './config-entry.js';
import type { TrainConfigOptions } from './read-train-config.js';
import { type Given, GROUPS, ONLY, RENAMED, TRAINER_NAMES } from './trainer-names.js';

/** An option and the key of the file that says it. */
export interface ConfiguredOption {
  readonly name: string;
  readonly value: unknown;
  readonly key: string;
  readonly line: number;
}

/** Options that a file cannot say: functions, rows and signals. */
const NOT_IN_FILES: ReadonlySet<string> = new Set([
  ...['eval', 'onStep', 'onEpoch', 'onEvaluation', 'signal'],
]);
const OF_EVERY_MODEL = Object.keys(MODEL_TRAIN_OPTIONS).filter((name) => !NOT_IN_FILES.has(name));
const OF_MODEL = {
  classifier: Object.keys(LOSS_OPTIONS),
  encoder: Object.keys(EMBEDDING_LOSS_OPTIONS),
};

/** The options without steps of logs where no log is written: they would have no effect. */
export function withoutIdleSteps<T extends Readonly<Record<string, unknown>>>(options: T): T {
  if (options.logTo !== undefined || options.tensorboard !== undefined) return options;
  const { loggingSteps: _, ...others } = options;
  return others as T;
}

/** Names of the options that a file may say, for a kind of model. */
export function configNames(model: TrainConfigOptions['model']): ReadonlySet<string> {
  return new Set([...OF_EVERY_MODEL, ...(model === undefined ? [] : OF_MODEL[model])]);
}

/** What the file says about the options `names`, each checked by itself. */
export async function configuredOptions(
  path: string,
  names: ReadonlySet<string>,
): Promise<ConfiguredOption[]> {
  const { readConfigFile } = await import('./config-file.js');
  const entries = await readConfigFile(path, configError);
  const given = entries.filter(({ value }) => value !== null);
  const found: ConfiguredOption[] = [];
  const add = (option: ConfiguredOption) => {
    if (option.value === undefined) return;
    const other = found.find(({ name }) => name === option.name);
    if (other === undefined) found.push(option);
    else if (JSON.stringify(other.value) !== JSON.stringify(option.value)) {
      const what = `says another ${option.name} than ${show(other.key)} in line ${other.line}`;
      throw configError(path, option.line, `${show(option.key)} ${what}`);
    }
  };
  for (const entry of entries) checkKnown(path, entry, names);
  for (const entry of given) {
    const { key, value, line } = entry;
    checkOnly(path, entry);
    const renamed = Object.hasOwn(RENAMED, key) ? RENAMED[key] : undefined;
    if (renamed !== undefined) add({ name: renamed, value, key, line });
    else if (names.has(key) && !TRAINER_NAMES.has(key)) add({ name: key, value, key, line });
  }
  for (const option of trainerGroups(path, given)) add(option);
  for (const option of found) {
    if (!names.has(option.name)) throw notHere(path, option);
    checkValue(path, option);
  }
  return found;
}

/** Throws for a key that is neither an option nor a name of TrainingArguments. */
function checkKnown(path: string, { key, line }: ConfigEntry, names: ReadonlySet<string>): void {
  if (names.has(key) || TRAINER_NAMES.has(key)) return;
  if (Object.values(OF_MODEL).flat().includes(key)) {
    throw notHere(path, { name: key, key, line, value: undefined });
  }
  const all = [...names, ...TRAINER_NAMES];
  const nearest = nearestName(key, all);
  const hint =
    nearest === undefined
      ? 'it is neither an option of a training nor a name of TrainingArguments'
      : `did you mean ${nearest}?`;
  throw configError(path, line, `unknown key ${show(key)}; ${hint}`);
}

/** Throws for a value that a training here cannot keep to. */
function checkOnly(path: string, { key, value, line }: ConfigEntry): void {
  const row = Object.hasOwn(ONLY, key) ? ONLY[key] : undefined;
  if (row === undefined) return;
  const [values, why] = row;
  if (values.some((one) => JSON.stringify(one) === JSON.stringify(value))) return;
  const [first] = values;
  const what = first === undefined ? 'left out' : JSON.stringify(first);
  throw configError(
    path,
    line,
    `${show(key)} must be ${what}: ${why}; got ${JSON.stringify(value)}`,
  );
}

/** The options that names of TrainingArguments say together. */
function* trainerGroups(
  path: string,
  entries: readonly ConfigEntry[],
): Generator<ConfiguredOption> {
  for (const { names, read } of GROUPS) {
    const own = entries.filter(({ key }) => names.includes(key));
    const [first] = own;
    if (first === undefined) continue;
    const lineOf = (name: string) => own.find(({ key }) => key === name)?.line ?? first.line;
    const refuse = (name: string, what: string): never => {
      const got = own.find(({ key }) => key === name)?.value;
      const shown = got === undefined ? '' : `, got ${JSON.stringify(got)}`;
      throw configError(path, lineOf(name), `${show(name)} ${what}${shown}`);
    };
    const given: Given = Object.fromEntries(own.map(({ key, value }) => [key, value]));
    for (const [name, value] of Object.entries(read(given, refuse))) {
      const from = own.find(({ value: one }) => one === value) ?? first;
      yield { name, value, key: from.key, line: from.line };
    }
  }
}

function notHere(path: string, { name, key, line }: ConfiguredOption): Error {
  const isLoss = OF_MODEL.classifier.includes(name);
  const whom = isLoss ? 'classifiers and regressions' : 'encoders';
  const what = key === name ? 'is' : `is ${name}, which is`;
  return configError(path, line, `${show(key)} ${what} an option of ${whom}`);
}

/** Checks an option by itself, so that the message names its line. */
function checkValue(path: string, { name, value, key, line }: ConfiguredOption): void {
  const where = 'config';
  const one = { [name]: value };
  try {
    if (Object.hasOwn(TRAIN_OPTIONS, name)) {
      const known = TRAIN_OPTIONS as never;
      // What the buffer belongs to may be said by another key, or by a flag.
      const beside = name === 'shuffleBuffer' ? { streaming: true } : {};
      readTrainOptions<TrainOptions>(where, { ...beside, ...one }, known);
      readCheckpointOptions<TrainOptions>(where, { saveTo: 'x', ...one }, known);
      readLogOptions<TrainOptions>(where, { logTo: 'x', ...one }, known);
    } else if (name === 'lora') readLoraOptions(where, value as never);
    else if (name === 'ia3') readIa3Options(where, value as never);
    else if (name === 'bottleneck') readBottleneckOptions(where, value as never);
    else if (name === 'maxTokens') {
      readOptions<{ maxTokens?: number }>(where, one, { maxTokens: true }).count('maxTokens', 1);
    } else if (name === 'teacher' && value !== 'logits') {
      throw rangeMistake(`${where}: teacher`, "'logits'", value);
    }
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    const what = error.message
      .replace(/^config: /, '')
      .replace(new RegExp(`^${name}\\b`), show(key));
    throw configError(path, line, what);
  }
}
