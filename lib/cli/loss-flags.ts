/**
 * The flags of `sinter train` that choose the loss, and which rows a training draws.
 *
 * The rule: a flag of another task, or of another loss, is a usage mistake, never ignored.
 */
import { type Command, Option } from 'commander';
import { SinterError } from '../core/errors.js';
import { resolveModel } from '../hub/resolve.js';
import type { ClassifierDistillation } from '../models/classifier-distillation.js';
import type { TextModel } from '../models/text-model.js';
import { EMBEDDING_LOSS_NAMES, type EmbeddingLoss } from '../tasks/embedding/embedding-losses.js';
import type { EmbeddingLossOptions } from '../tasks/embedding/loss-options.js';
import {
  CROSS_ENCODER_LOSS_NAMES,
  type CrossEncoderLoss,
} from '../tasks/reranking/reranking-losses.js';
import {
  CLASSIFIER_LOSSES,
  type ClassifierLoss,
  type ClassifierLossOptions,
} from '../tasks/text-classification/loss-options.js';
import {
  type EmbeddingDistillation,
  type HiddenStatePair,
  type InnerDistillation,
  RELATION_KINDS,
  type RelationKind,
} from '../train/distillation-options.js';
import {
  given,
  numberFromZero,
  positiveNumber,
  realNumber,
  usageMistake,
  wholeNumber,
} from './arguments.js';
import { flagOf } from './option-names.js';

/** The values of the flags. */
export interface LossFlags {
  readonly loss?: ClassifierLoss | EmbeddingLoss | CrossEncoderLoss;
  readonly labelSmoothing?: number;
  readonly classWeights?: 'balanced' | Readonly<Record<string, number>>;
  readonly posWeights?: 'balanced' | Readonly<Record<string, number>>;
  readonly focalGamma?: number;
  readonly focalAlpha?: number;
  readonly huberDelta?: number;
  readonly smoothL1Beta?: number;
  readonly sampling?: 'all' | 'balanced';
  readonly teacher?: string;
  readonly alpha?: number;
  readonly temperature?: number;
  readonly hiddenStates?: readonly HiddenStatePair[];
  readonly relations?: readonly RelationKind[];
  readonly relationHeads?: number;
  readonly embeddings?: NonNullable<EmbeddingDistillation['loss']>;
}

const LOSSES: readonly ClassifierLoss[] = [...new Set(Object.values(CLASSIFIER_LOSSES).flat())];
const shareBelowOne = realNumber('a share from 0, below 1', (value) => value >= 0 && value < 1);
const share = realNumber('a share from 0 to 1', (value) => value >= 0 && value <= 1);

/** Adds the flags to a command. */
export function withLosses(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--loss <kind>',
        'one label: cross_entropy or focal; several: bce or focal; numbers: mse, mae, huber or smooth_l1; ' +
          `embedding: ${EMBEDDING_LOSS_NAMES.join(', ')} (default: by the rows); ` +
          `pairs: ${CROSS_ENCODER_LOSS_NAMES.join(', ')} (default: by the rows)`,
      ).choices([...new Set([...LOSSES, ...EMBEDDING_LOSS_NAMES, ...CROSS_ENCODER_LOSS_NAMES])]),
    )
    .option(
      '--label-smoothing <share>',
      'cross_entropy: share of each target for all labels',
      shareBelowOne,
    )
    .option(
      '--class-weights <weights>',
      `factor on the loss of each label: balanced, or {"label": 2}`,
      labelWeights,
    )
    .option(
      '--pos-weights <weights>',
      `bce: factor on the loss of labels that apply: balanced, or {"label": 2}`,
      labelWeights,
    )
    .option('--focal-gamma <x>', 'focal: how little rows that are right count', numberFromZero)
    .option('--focal-alpha <x>', 'focal, several labels: weight of labels that apply', share)
    .option('--huber-delta <x>', 'huber: the error from which it is linear', positiveNumber)
    .option('--smooth-l1-beta <x>', 'smooth_l1: the error from which it is linear', positiveNumber)
    .addOption(
      new Option(
        '--sampling <kind>',
        'all: each row once an epoch; balanced: as many rows of each label',
      ).choices(['all', 'balanced']),
    )
    .option('--teacher <dir>', 'model for the same task, with the same labels, to distil from')
    .option('--alpha <share>', 'share of the teacher in the loss (default: 0.5)', share)
    .option('--temperature <x>', 'of the teacher (default: 2; distill_kl_div: 1)', positiveNumber)
    .option(
      '--hidden-states <pairs>',
      'student:teacher with commas: hidden states of the teacher to learn, as in 1:2,3:6',
      statePairs,
    )
    .option(
      '--relations <kinds>',
      `relations of the teacher's last layer to learn: some of ${RELATION_KINDS.join(',')}`,
      relationKinds,
    )
    .option('--relation-heads <n>', "heads of --relations (default: the teacher's)", wholeNumber(1))
    .addOption(
      new Option(
        '--embeddings <loss>',
        'embedding: vectors of the teacher to learn (default without other terms: cosine)',
      ).choices(['cosine', 'mse']),
    );
}

function statePairs(text: string): HiddenStatePair[] {
  return text.split(',').map((pair) => {
    const [, student, teacher] = /^(\d+):(\d+)$/.exec(pair.trim()) ?? [];
    if (student !== undefined && teacher !== undefined)
      return { student: Number(student), teacher: Number(teacher) };
    throw usageMistake('It must be pairs of numbers such as 1:2,3:6.');
  });
}

function relationKinds(text: string): RelationKind[] {
  return text.split(',').map((name) => {
    const kind = RELATION_KINDS.find((one) => one === name.trim());
    if (kind !== undefined) return kind;
    throw usageMistake(`It must be some of ${RELATION_KINDS.join(',')}.`);
  });
}

function labelWeights(text: string): 'balanced' | Readonly<Record<string, number>> {
  if (text === 'balanced') return text;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, number>>;
  } catch {
    // The mistake below says what is right.
  }
  throw usageMistake(`It must be balanced, or JSON such as {"label": 2}.`);
}

const NAMES = [
  'loss',
  'labelSmoothing',
  'classWeights',
  'posWeights',
  'focalGamma',
  'focalAlpha',
  'huberDelta',
  'smoothL1Beta',
  'sampling',
  'teacher',
  'alpha',
  'temperature',
  'hiddenStates',
  'relations',
  'relationHeads',
  'embeddings',
] as const satisfies readonly (keyof LossFlags)[];

/** Tasks of `sinter train` whose models take these flags. */
const TASKS: readonly string[] = ['classification', 'multi-label', 'regression'];
/** Flags for tags. */
const OF_TAGS: readonly string[] = [
  ...['loss', 'labelSmoothing', 'classWeights', 'focalGamma', 'teacher', 'alpha', 'temperature'],
  ...['hiddenStates', 'relations', 'relationHeads'],
];
/** Flags about the inside of a teacher, for every task that has one. */
const OF_INSIDE: readonly string[] = ['teacher', 'hiddenStates', 'relations', 'relationHeads'];
/** Flags for questions. */
const OF_ANSWERS: readonly string[] = [...OF_INSIDE, 'alpha', 'temperature'];
/** Flags for encoders that learn from a teacher. */
const OF_ENCODERS: readonly string[] = [...OF_INSIDE, 'embeddings'];
/** Flags for classifiers with one label per text only. */
const ONE_LABEL: readonly string[] = ['sampling', 'alpha', 'temperature'];

/** Flags of a task beside those of classifiers and regressions. */
const OWN_FLAGS: Readonly<Record<string, readonly string[]>> = {
  tags: OF_TAGS,
  answers: OF_ANSWERS,
  embedding: OF_ENCODERS,
  pairs: ['loss'],
};

/** The flags that were given, without the teacher, which `openTeacher` loads. Throws for a task that does not take one. */
export function lossFlags(task: string, flags: LossFlags): Omit<ClassifierLossOptions, 'teacher'> {
  checkLoss(task, flags);
  const own = given(Object.fromEntries(NAMES.map((name) => [name, flags[name]])));
  for (const name of Object.keys(own)) {
    if (OWN_FLAGS[task]?.includes(name) === true) continue;
    if (name === 'embeddings') throw usageMistake('--embeddings is for --task embedding');
    if (OF_INSIDE.includes(name) && TASKS.includes(task)) continue;
    if (OF_INSIDE.includes(name)) throw usageMistake(`${flagOf(name)} is not for ${task}`);
    const isSingle = ONE_LABEL.includes(name);
    if (isSingle ? task === 'classification' : TASKS.includes(task)) continue;
    const whom = isSingle ? 'classifiers with one label per text' : 'classifiers and regressions';
    throw usageMistake(`${flagOf(name)} is for ${whom}, not for ${task}`);
  }
  const { teacher, hiddenStates, relations, relationHeads, embeddings, ...rest } = own as LossFlags;
  const inner = { hiddenStates, relations, relationHeads, embeddings };
  const [first] = Object.keys(given(inner));
  if (first !== undefined && teacher === undefined)
    throw usageMistake(`${flagOf(first)} needs --teacher`);
  if (relationHeads !== undefined && relations === undefined)
    throw usageMistake('--relation-heads needs --relations');
  const hasLogits = !TASKS.includes(task) || task === 'classification';
  if (teacher !== undefined && !hasLogits && hiddenStates === undefined && relations === undefined)
    throw usageMistake(`--teacher needs --hidden-states or --relations with --task ${task}`);
  return rest as Omit<ClassifierLossOptions, 'teacher'>;
}

type LossFromTeacher<M> = Omit<ClassifierLossOptions, 'teacher'> & {
  readonly teacher?: M;
  readonly distillation?: Omit<ClassifierDistillation, 'teacher'> & { readonly teacher: M };
};

/** The options of a loss with what is learned from the teacher. */
export function withTeacher<M extends TextModel>(
  loss: Omit<ClassifierLossOptions, 'teacher'>,
  teacher: M | null,
  flags: LossFlags,
): LossFromTeacher<M> {
  if (teacher === null) return loss;
  const inner = innerTerms(flags);
  if (Object.keys(inner).length === 0) return { ...loss, teacher };
  const { alpha, temperature, ...rest } = loss;
  return { ...rest, distillation: { teacher, ...given({ alpha, temperature }), ...inner } };
}

/** What is learned from the inside of a teacher. */
export function innerTerms({
  hiddenStates,
  relations: kinds,
  relationHeads,
}: LossFlags): InnerDistillation {
  const relations = kinds && { kinds, ...given({ relationHeads }) };
  return given({ hiddenStates, relations });
}

/** The loss of --task embedding. Throws for flags of other tasks. */
export function embeddingLoss(flags: LossFlags): Pick<EmbeddingLossOptions, 'loss'> {
  const { loss, ...others } = flags;
  checkLoss('embedding', flags);
  lossFlags('embedding', others);
  if (loss !== undefined && flags.teacher !== undefined)
    throw usageMistake('--loss is left out with --teacher, whose vectors are learned');
  return given({ loss: loss as EmbeddingLoss | undefined });
}

/** Tasks with losses of their own. */
const OWN_LOSSES: Readonly<Record<string, readonly string[]>> = {
  embedding: EMBEDDING_LOSS_NAMES,
  pairs: CROSS_ENCODER_LOSS_NAMES,
};

/** Throws for a loss of another task. */
function checkLoss(task: string, { loss }: LossFlags): void {
  if (loss === undefined || (OWN_LOSSES[task] ?? LOSSES).includes(loss as never)) return;
  const whom = (LOSSES as readonly string[]).includes(loss)
    ? 'classifiers and regressions'
    : Object.keys(OWN_LOSSES)
        .filter((other) => OWN_LOSSES[other]?.includes(loss))
        .map((other) => `--task ${other}`)
        .join(' and ');
  throw usageMistake(`--loss ${loss} is for ${whom}, not for ${task}`);
}

/** Loads the model of --teacher; null without it. Dispose of it after the training. */
export async function openTeacher<M>(
  teacher: string | undefined,
  load: (path: string, options: { readonly signal: AbortSignal }) => Promise<M>,
  signal: AbortSignal,
): Promise<M | null> {
  if (teacher === undefined) return null;
  const path = await resolveModel('--teacher', teacher);
  try {
    return await load(path, { signal });
  } catch (error) {
    if (!(error instanceof SinterError) || error.code !== 'UNSUPPORTED_MODEL') throw error;
    throw new SinterError(error.code, `--teacher: ${error.message}`, { cause: error });
  }
}
