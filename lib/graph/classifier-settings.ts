/**
 * What was fitted to a trained classification head, in config.json: its temperature and the thresholds of its labels.
 *
 * The temperature is a record: the last product of the graph is already divided by it. A new head or a new training ends both.
 */

import { SinterError, show } from '../core/errors.js';
import { isJsonObject, type JsonObject } from '../core/json.js';

/** Key of config.json. */
export const CLASSIFIER_KEY = 'sinter_classifier';

/** Settings of a head. */
export interface ClassifierSettings {
  /** What the logits have been divided by since the training; 1: nothing. */
  readonly temperature: number;
  /** Several labels: the probability from which each counts, in the order of the logits; null: 0.5 for each. */
  readonly thresholds: readonly number[] | null;
}

const NONE: ClassifierSettings = { temperature: 1, thresholds: null };

/** The settings in a config. `labels`: the number of logits. Throws CORRUPT_MODEL naming `path`. */
export function classifierSettings(
  config: JsonObject,
  labels: number,
  path: string,
): ClassifierSettings {
  const found = config[CLASSIFIER_KEY];
  if (found === undefined || found === null) return NONE;
  const fail = (key: string, what: string, got: unknown) =>
    new SinterError(
      'CORRUPT_MODEL',
      `${path}: config.json: ${CLASSIFIER_KEY}${key} must be ${what}, got ${show(got)}`,
      { details: { file: path } },
    );
  if (!isJsonObject(found)) throw fail('', 'an object', found);
  const { temperature = 1, thresholds = null } = found;
  if (typeof temperature !== 'number' || !(temperature > 0 && Number.isFinite(temperature))) {
    throw fail('.temperature', 'a positive number', temperature);
  }
  if (thresholds === null) return { temperature, thresholds };
  const list: readonly unknown[] = Array.isArray(thresholds) ? thresholds : [];
  const numbers = list.filter((v): v is number => typeof v === 'number' && v >= 0 && v <= 1);
  if (numbers.length !== labels || list.length !== labels) {
    throw fail('.thresholds', `${labels} numbers from 0 to 1`, thresholds);
  }
  return { temperature, thresholds: numbers };
}

/** The config with these settings. */
export function withClassifierSettings(
  config: JsonObject,
  { temperature, thresholds }: ClassifierSettings,
): JsonObject {
  const own = {
    ...(temperature !== 1 && { temperature }),
    ...(thresholds !== null && { thresholds: [...thresholds] }),
  };
  const rest = withoutClassifierSettings(config);
  return Object.keys(own).length === 0 ? rest : { ...rest, [CLASSIFIER_KEY]: own };
}

/** The config of a head that nothing was fitted to. */
export function withoutClassifierSettings(config: JsonObject): JsonObject {
  const { [CLASSIFIER_KEY]: _, ...rest } = config;
  return rest;
}
