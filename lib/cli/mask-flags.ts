/**
 * The flags of `sinter train --task masked-lm` about what is masked.
 */
import type { Command } from 'commander';
import type { MaskTrainOptions } from '../models/masked-lm.js';
import { given, realNumber, usageMistake } from './arguments.js';
import { flagOf } from './option-names.js';

/** What the flags give, by their names in `MaskedLM.train`. */
export type MaskFlags = Pick<MaskTrainOptions, 'maskProbability' | 'wholeWordMask'>;

const share = realNumber('a share above 0, at most 1', (value) => value > 0 && value <= 1);

/** Adds the flags to the command. */
export function withMasks(command: Command): Command {
  return command
    .option(
      '--mask-probability <share>',
      'share of the tokens that is masked, default 0.15 (with --task masked-lm)',
      share,
    )
    .option('--whole-word-mask', 'mask whole words, not tokens (with --task masked-lm)');
}

/** The flags that were given. Throws where one was given for another task. */
export function maskFlags({ maskProbability, wholeWordMask }: MaskFlags, task: string): MaskFlags {
  const own = given({ maskProbability, wholeWordMask });
  const [first] = Object.keys(own);
  if (task === 'masked-lm' || first === undefined) return own;
  throw usageMistake(`${flagOf(first)} is for --task masked-lm`);
}
