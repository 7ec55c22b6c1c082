/**
 * The flags of `sinter train` that one task alone has: what is masked, and how long contexts are read.
 *
 * The rule: a flag of another task is a usage mistake, never ignored.
 */
import type { Command } from 'commander';
import type { MaskTrainOptions } from '../models/masked-lm.js';
import type { QuestionTrainOptions } from '../models/question-answerer.js';
import { given, realNumber, usageMistake, wholeNumber } from './arguments.js';
import { flagOf } from './option-names.js';

/** What the flags give, by their names in `train`. */
export type OwnFlags = Pick<MaskTrainOptions, 'maskProbability' | 'wholeWordMask'> &
  Pick<QuestionTrainOptions, 'docStride'>;

/** The task of each flag. */
const TASKS = {
  maskProbability: 'masked-lm',
  wholeWordMask: 'masked-lm',
  docStride: 'answers',
} as const satisfies Readonly<Record<keyof OwnFlags, string>>;

const share = realNumber('a share above 0, at most 1', (value) => value > 0 && value <= 1);

/** Adds the flags to the command. */
export function withOwnFlags(command: Command): Command {
  return command
    .option(
      '--mask-probability <share>',
      'share of the tokens that is masked, default 0.15 (with --task masked-lm)',
      share,
    )
    .option('--whole-word-mask', 'mask whole words, not tokens (with --task masked-lm)')
    .option(
      '--doc-stride <n>',
      'tokens that windows of a long context share, default 128 (with --task answers)',
      wholeNumber(0),
    );
}

/** The flags that were given. Throws where one was given for another task. */
export function ownFlags(flags: OwnFlags, task: string): OwnFlags {
  const { maskProbability, wholeWordMask, docStride } = flags;
  const own = given({ maskProbability, wholeWordMask, docStride });
  const other = (Object.keys(own) as (keyof OwnFlags)[]).find((name) => TASKS[name] !== task);
  if (other === undefined) return own;
  throw usageMistake(`${flagOf(other)} is for --task ${TASKS[other]}`);
}
