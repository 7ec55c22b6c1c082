/** How a classifier of tokens learns from a teacher, and how every model whose logits are over tokens does: their options. */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import type { InnerDistillation, LogitSettings } from '../train/distillation-options.js';
import { INNER_OPTIONS, type ModelDistillation, readModelDistillation } from './distillation.js';
import { insideOf, TextModel } from './text-model.js';

/** What a classifier of tokens learns from the logits of a teacher, over all tokens of the rows. */
export interface TokenTeacherOptions {
  /** A token classifier with the same labels, in any order, and the student's tokenizer. With `alpha: 0` any model. */
  readonly teacher?: TextModel;
  /** Share of the teacher in the loss; 1: the tags are not read, but rows have them. Default: 0.5. */
  readonly alpha?: number;
  /** Both logits are divided by it before the softmax. Default: 2. */
  readonly temperature?: number;
}

/** What a classifier of tokens learns from a teacher: its logits, and its hidden states and relations. */
export interface TokenDistillation extends InnerDistillation, TokenTeacherOptions {
  readonly teacher: TextModel;
}

export interface TokenDistillOptions extends TokenTeacherOptions {
  /** In place of `teacher`, `alpha` and `temperature`. */
  readonly distillation?: TokenDistillation;
}

export const TOKEN_DISTILL_OPTIONS = {
  teacher: true,
  alpha: true,
  temperature: true,
  distillation: true,
} as const;

const KNOWN = { ...INNER_OPTIONS, alpha: true, temperature: true } as const;

/** The distillation of the options; undefined where there is none. Throws TypeError or RangeError. */
export function tokenDistillation(
  where: string,
  options: TokenDistillOptions,
  labels: readonly string[],
): ModelDistillation | undefined {
  const logitsOf: LogitsOf = (at, teacher) => ({ order: columnsOf(at, teacher, labels) });
  return distillationOverTokens(where, options, logitsOf);
}

/** How the logits of a teacher are read. Throws TypeError or RangeError that names `at` for one that has none of this kind. */
export type LogitsOf = (at: string, teacher: unknown) => Pick<LogitSettings, 'order' | 'over'>;

/** As `tokenDistillation`, for a model with other logits. */
export function distillationOverTokens(
  where: string,
  options: TokenDistillOptions,
  logitsOf: LogitsOf,
): ModelDistillation | undefined {
  const { distillation } = options;
  const plain = { ...options };
  const names = ['teacher', 'alpha', 'temperature'] as const;
  const other = names.find((name) => plain[name] !== undefined);
  if (distillation === undefined) {
    const { teacher, alpha, temperature } = plain;
    if (other === undefined) return undefined;
    if (teacher === undefined)
      throw rangeMistake(`${where}: ${other}`, 'left out without a teacher', plain[other]);
    const given = Object.entries({ alpha, temperature }).filter(([, one]) => one !== undefined);
    return readAll(where, { teacher, ...Object.fromEntries(given) }, logitsOf);
  }
  if (typeof distillation !== 'object' || distillation === null)
    throw typeMistake(`${where}: distillation`, 'an object', distillation);
  if (other !== undefined)
    throw rangeMistake(`${where}: ${other}`, 'left out where distillation is given', plain[other]);
  return readAll(where, distillation, logitsOf);
}

function readAll(where: string, options: TokenDistillation, logitsOf: LogitsOf): ModelDistillation {
  const at = `${where}: distillation`;
  const read = readOptions<TokenDistillation>(at, options, KNOWN);
  const share = (value: number) => value >= 0 && value <= 1;
  const isScale = (value: number) => value >= 1e-6 && value <= 1e6;
  const alpha = read.number('alpha', 0.5, 'a share from 0 to 1', share);
  const temperature = read.number('temperature', 2, 'a number from 1e-6 to 1e6', isScale);
  if (alpha === 0) {
    if (options.temperature !== undefined)
      throw rangeMistake(`${at}: temperature`, 'left out with alpha 0', temperature);
    if (options.relations === undefined && (options.hiddenStates ?? []).length === 0)
      throw rangeMistake(`${at}: alpha`, 'above 0 without other terms', alpha);
    return readModelDistillation(where, options, KNOWN);
  }
  const logits = { alpha, temperature, ...logitsOf(`${at}: teacher`, options.teacher) };
  return readModelDistillation(where, options, KNOWN, logits);
}

/** The teacher's column of each label. */
function columnsOf(at: string, teacher: unknown, labels: readonly string[]): readonly number[] {
  const head = teacher instanceof TextModel ? insideOf(teacher).parts.head : undefined;
  const theirs = head?.task === 'token-classification' ? head.labels : null;
  if (theirs === null) throw typeMistake(at, 'a token classifier', teacher);
  const order = labels.map((label) => theirs.indexOf(label));
  if (theirs.length === labels.length && !order.includes(-1)) return order;
  throw rangeMistake(at, `a token classifier with the labels ${labels.join(', ')}`, theirs);
}
