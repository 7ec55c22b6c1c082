/**
 * Compares a model that was loaded with the one that it is to replace, on texts that are always the same.
 *
 * The rule: a model of another task, other labels or another length of vectors is refused; how alike results must be is the
 * user's choice.
 */
import { SinterError } from '../core/errors.js';
import { compareAll } from './compare-results.js';
import type { Answered, CallContext, ModelInput, ServedInfo, ServedModel } from './contract.js';
import type { HeldModel } from './held-model.js';
import type { CanaryOptions } from './model-source.js';

/** What a comparison found. */
export interface CanaryReport {
  readonly texts: number;
  /** Mean over the texts, 0 to 1. */
  readonly agreement: number;
  /** Of vectors: the mean and the smallest cosine; else null. */
  readonly meanCosine: number | null;
  readonly minCosine: number | null;
}

/** Short, long, other scripts, symbols, an empty-looking one. */
const TEXTS: readonly string[] = [
  'a red car drives past the house',
  'The film was good, and the music even better!',
  'I want my money back: the card was charged twice on 3 May.',
  'Ann Lee moved from Paris to the Acme office in Berlin.',
  'Größe, café, naïve: Zeichen mit Akzenten.',
  '今天天气很好，我们去公园。',
  'x',
  `${'a longer text, whose words come again and again, '.repeat(20)}and which ends here.`,
];

const QUESTION = 'Who moved?';
const QUERY = 'a car';

const CONTEXT: CallContext = {
  signal: new AbortController().signal,
  priority: 'bulk',
  group: '',
};
const CUT = { truncate: true, truncationDirection: 'right' } as const;

/** Inputs and results of the model's main task on texts. */
export async function runTask(
  { info }: Pick<HeldModel, 'info'>,
  model: ServedModel,
  texts: readonly string[],
  maskToken: string | null,
  context = CONTEXT,
): Promise<Answered<unknown>> {
  switch (info.task) {
    case 'embed':
      return model.embed(texts as readonly ModelInput[], CUT, context);
    case 'classify':
      return model.classify(texts as readonly ModelInput[], CUT, context);
    case 'tag':
      return model.tag(texts, {}, context);
    case 'answer': {
      const questions = texts.map((text) => ({ question: QUESTION, context: text }));
      return model.answer(questions, {}, context);
    }
    case 'rerank':
      return model.rerank(QUERY, texts, { ...CUT, isRaw: false }, context);
    case 'fill-mask': {
      const short = texts.map((text) => `${text.slice(0, 60)} ${maskToken}`);
      return model.fillMask(short, { topK: 1 }, context);
    }
  }
}

/** Compares `next` with `current`. Throws UNSUPPORTED_MODEL where it cannot take the place. */
export async function compareModels(
  current: HeldModel,
  next: HeldModel,
  { texts: own = [], minAgreement = 0 }: CanaryOptions = {},
): Promise<CanaryReport> {
  checkSameForm(current.info, next.info);
  const texts = [...TEXTS, ...own];
  const resultsOf = (held: HeldModel) =>
    held.use(async (model) => (await runTask(held, model, texts, held.maskToken)).results);
  const ours = await resultsOf(current);
  const theirs = await resultsOf(next);
  const found = compareAll(current.info, ours, theirs);
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const agreement = mean(found.map((one) => one.agreement));
  const cosines = found.flatMap(({ cosine }) => (cosine === null ? [] : [cosine]));
  if (agreement < minAgreement) {
    const what = `agrees with the model it would replace on ${agreement.toFixed(4)} of the canary texts; minAgreement is ${minAgreement}`;
    throw new SinterError('UNSUPPORTED_MODEL', `${next.info.source}: ${what}`);
  }
  const has = cosines.length > 0;
  return {
    texts: texts.length,
    agreement,
    meanCosine: has ? mean(cosines) : null,
    minCosine: has ? Math.min(...cosines) : null,
  };
}

function checkSameForm(current: ServedInfo, next: ServedInfo): void {
  const parts = ['task', 'problem', 'dimensions', 'labels'] as const;
  for (const part of parts) {
    const [was, is] = [JSON.stringify(current[part]), JSON.stringify(next[part])];
    if (was === is) continue;
    const what = `its ${part} are ${is} and those of the served model ${was}; serve it under another name`;
    throw new SinterError('UNSUPPORTED_MODEL', `${next.source}: ${what}`);
  }
}
