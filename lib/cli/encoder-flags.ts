/**
 * The flags of `sinter train --task embedding` about the loss, beside `--loss`, which is for classifiers too.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PoolKind } from '../graph/types.js';
import { DIRECTIONS, DISTANCES } from '../native/losses.js';
import { PARTITION_MODES, SIMILARITY_FCTS } from '../tasks/embedding/embedding-losses.js';
import { BATCH_SAMPLERS, type EmbeddingLossOptions } from '../tasks/embedding/loss-options.js';
import { given, numberFromZero, positiveNumber, usageMistake } from './arguments.js';
import { embeddingLoss, type LossFlags } from './loss-flags.js';
import { flagOf } from './option-names.js';

/** What the flags give, by their names in `Encoder.train`. */
export interface EncoderFlags extends Omit<EmbeddingLossOptions, 'loss'> {
  readonly pooling?: PoolKind;
}

const only = '(with --task embedding)';
/** Flags for cross-encoders too. */
const OF_PAIRS: readonly string[] = ['scale', 'batchSampler'];

/** Adds the flags to the command. */
export function withEmbeddingLosses(command: Command): Command {
  return command
    .option(
      '--scale <x>',
      `factor on similarities, default 20, with --task pairs 10`,
      positiveNumber,
    )
    .option('--margin <x>', `of contrastive and triplet losses ${only}`, numberFromZero)
    .addOption(
      new Option('--distance <name>', `of contrastive and triplet losses ${only}`).choices(
        DISTANCES,
      ),
    )
    .addOption(
      new Option('--similarity-fct <name>', `of multiple_negatives_ranking ${only}`).choices(
        SIMILARITY_FCTS,
      ),
    )
    .option(
      '--directions <list>',
      `of multiple_negatives_ranking: ${DIRECTIONS.join(', ')}, with commas and no blanks ${only}`,
      (text: string) => text.split(','),
    )
    .addOption(
      new Option('--partition-mode <mode>', `a softmax over all directions ${only}`).choices(
        PARTITION_MODES,
      ),
    )
    .option(
      '--concatenation-sent-multiplication',
      `softmax: its classifier reads the product of the vectors too ${only}`,
    )
    .option(
      '--dimensions <list>',
      `train shorter vectors too (Matryoshka): 384,256,128 ${only}`,
      listOfNumbers,
    )
    .option('--dimension-weights <list>', `of their losses: 1,1,0.5 ${only}`, listOfNumbers)
    .addOption(
      new Option(
        '--batch-sampler <kind>',
        'whether a batch may hold a text twice (with --task embedding and pairs)',
      ).choices(BATCH_SAMPLERS),
    );
}

/** The flags that were given. Throws where one was given for another task. */
export function embeddingLossFlags({
  task,
  scale,
  margin,
  distance,
  similarityFct,
  directions,
  partitionMode,
  concatenationSentMultiplication,
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
    similarityFct,
    directions,
    partitionMode,
    concatenationSentMultiplication,
    dimensions,
    dimensionWeights,
    batchSampler,
  });
  // A new head of a classifier may read pooled tokens too.
  const names = Object.keys({ ...flags, ...(task !== 'classification' && given({ pooling })) });
  const first = names.find((name) => task !== 'pairs' || !OF_PAIRS.includes(name));
  if (task !== 'embedding' && first !== undefined) {
    throw usageMistake(`${flagOf(first)} is for --task embedding`);
  }
  if (task !== 'embedding') return flags;
  const { temperature, ...rest } = others;
  const [own] = Object.keys({ ...flags, ...given({ temperature }) });
  if (own !== undefined && rest.teacher !== undefined)
    throw usageMistake(`${flagOf(own)} is left out with --teacher, whose vectors are learned`);
  return { ...flags, ...given({ temperature }), ...embeddingLoss(rest) };
}

function listOfNumbers(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every(Number.isFinite)) return numbers;
  throw new InvalidArgumentError('It must be numbers with commas between them.');
}
