/**
 * The flags of `sinter train --task embedding` about the loss, beside `--loss`, which is for classifiers too.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PoolKind } from '../graph/types.js';
import { DISTANCES } from '../native/losses.js';
import { BATCH_SAMPLERS, type EmbeddingLossOptions } from '../tasks/embedding/loss-options.js';
import { given, numberFromZero, positiveNumber, usageMistake } from './arguments.js';
import { embeddingLoss, type LossFlags } from './loss-flags.js';
import { flagOf } from './option-names.js';

/** What the flags give, by their names in `Encoder.train`. */
export interface EncoderFlags extends Omit<EmbeddingLossOptions, 'loss'> {
  readonly pooling?: PoolKind;
}

const only = '(with --task embedding)';

/** Adds the flags to the command. */
export function withEmbeddingLosses(command: Command): Command {
  return command
    .option('--scale <x>', `factor on cosines, default 20 ${only}`, positiveNumber)
    .option('--margin <x>', `of contrastive and triplet losses ${only}`, numberFromZero)
    .addOption(
      new Option('--distance <name>', `of contrastive and triplet losses ${only}`).choices(
        DISTANCES,
      ),
    )
    .option(
      '--dimensions <list>',
      `train shorter vectors too (Matryoshka): 384,256,128 ${only}`,
      listOfNumbers,
    )
    .option('--dimension-weights <list>', `of their losses: 1,1,0.5 ${only}`, listOfNumbers)
    .addOption(
      new Option('--batch-sampler <kind>', `whether a batch may hold a text twice ${only}`).choices(
        BATCH_SAMPLERS,
      ),
    );
}

/** The flags that were given. Throws where one was given for another task. */
export function embeddingLossFlags({
  task,
  scale,
  margin,
  distance,
  dimensions,
  dimensionWeights,
  batchSampler,
  pooling,
  ...others
}: EncoderFlags & LossFlags & { readonly task: string }): EmbeddingLossOptions {
  const flags = given({
    scale,
    margin,
    distance,
    dimensions,
    dimensionWeights,
    batchSampler,
  });
  // A new head of a classifier may read pooled tokens too.
  const [first] = Object.keys({ ...flags, ...(task !== 'classification' && given({ pooling })) });
  if (task !== 'embedding' && first !== undefined) {
    throw usageMistake(`${flagOf(first)} is for --task embedding`);
  }
  return { ...flags, ...(task === 'embedding' && embeddingLoss(others)) };
}

function listOfNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InvalidArgumentError('It must be numbers with commas between them.');
}
