/**
 * The flags of `sinter train --task pairs` about the loss, beside `--loss`, `--scale` and `--batch-sampler`, which other tasks
 * have too.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { RANK_WEIGHTINGS } from '../native/losses.js';
import {
  ACTIVATION_FNS,
  REDUCTION_LOGS,
  type RerankingOptions,
} from '../tasks/reranking/loss-options.js';
import { given, numberFromZero, positiveNumber, usageMistake, wholeNumber } from './arguments.js';
import { flagOf } from './option-names.js';

/** What the flags give, by their names in `CrossEncoder.train`. */
export type RerankingFlags = Omit<RerankingOptions, 'loss' | 'scale' | 'batchSampler'>;

const NAMES = [
  'posWeight',
  'numNegatives',
  'activationFn',
  'weightingScheme',
  'mu',
  'k',
  'sigma',
  'reductionLog',
  'respectInputOrder',
] as const satisfies readonly (keyof RerankingFlags)[];

const only = '(with --task pairs)';

/** Adds the flags to the command. */
export function withRerankingLosses(command: Command): Command {
  const choice = (flag: string, what: string, values: readonly string[]) =>
    command.addOption(new Option(flag, `${what} ${only}`).choices(values));
  command
    .option('--pos-weight <x>', `factor on the loss of positive pairs ${only}`, positiveNumber)
    .option(
      '--num-negatives <n>',
      `documents of other rows, or all; default 4 ${only}`,
      countOrAll,
    );
  choice('--activation-fn <name>', 'of the logits, before the loss', ACTIVATION_FNS);
  choice('--weighting-scheme <name>', 'of pairs of documents in lambda', RANK_WEIGHTINGS);
  command
    .option('--mu <x>', `lambda: weight of ndcg_loss2 in ndcg_loss2_pp ${only}`, numberFromZero)
    .option('--k <n>', `lambda, rank_net: ranks that count ${only}`, wholeNumber(1))
    .option('--sigma <x>', `lambda, rank_net: factor on differences ${only}`, positiveNumber);
  choice('--reduction-log <name>', 'lambda, rank_net: the logarithm', REDUCTION_LOGS);
  return command.option(
    '--respect-input-order',
    `list_mle, plist_mle: documents are in the order to learn ${only}`,
  );
}

/** The flags that were given. Throws where one was given for another task. */
export function rerankingFlags(
  flags: RerankingFlags & Pick<RerankingOptions, 'scale' | 'batchSampler'>,
  task: string,
): RerankingOptions {
  const own = given(Object.fromEntries(NAMES.map((name) => [name, flags[name]])));
  const [first] = Object.keys(own);
  if (task !== 'pairs' && first !== undefined) {
    throw usageMistake(`${flagOf(first)} is for --task pairs`);
  }
  if (task !== 'pairs') return {};
  const { scale, batchSampler } = flags;
  return { ...own, ...given({ scale, batchSampler }) } as RerankingOptions;
}

function countOrAll(text: string): number | 'all' {
  if (text === 'all') return text;
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError('It must be a whole number from 1, or all.');
}
