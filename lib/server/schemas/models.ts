/**
 * Bodies and answers of Sinter's own routes, `/models/:name/...`.
 *
 * The rule: a body has `inputs`, one or a list; an answer has `results` in their order, always a list.
 */
import {
  aggregation,
  camelLengths,
  dimensions,
  mixedInputs,
  model,
  offsets,
  oneText,
  promptName,
  texts,
  threshold,
} from './parts.js';
import {
  anyOf,
  choice,
  count,
  flag,
  type JsonSchema,
  list,
  nullable,
  number,
  object,
  record,
  text,
  type ValueOf,
} from './schema.js';

export const nameParams = object({ name: model });

export const embedBody = object(
  { inputs: mixedInputs },
  {
    promptName,
    dimensions,
    normalize: flag('Scale vectors to length 1. Left out: as the files of the model say.'),
    encoding: choice(
      '`base64`: the numbers as little-endian float32.',
      ['float', 'base64'],
      'float',
    ),
    ...camelLengths,
  },
);
export type EmbedBody = ValueOf<typeof embedBody>;

export const classifyBody = object(
  { inputs: mixedInputs },
  {
    topK: count('Scores to show of each input, the highest first. Left out: those of all labels.', {
      minimum: 1,
    }),
    threshold,
    logits: flag(
      'Show the numbers before softmax or sigmoid, too, in the order of the labels.',
      false,
    ),
    ...camelLengths,
  },
);
export type ClassifyBody = ValueOf<typeof classifyBody>;

export const tagBody = object({ inputs: texts }, { aggregation, offsets });
export type TagBody = ValueOf<typeof tagBody>;

const question = object({ question: oneText, context: oneText });
export const answerBody = object(
  { inputs: anyOf('A question with its context, or a list of them.', question, list(question)) },
  {
    topK: count('Answers to each question, the best first.', {
      minimum: 1,
      maximum: 100,
      default: 1,
    }),
    maxAnswerTokens: count('Longest answer in tokens.', { minimum: 1, maximum: 128 }),
    docStride: count('Tokens that neighbouring windows of a long context share.', { minimum: 0 }),
    allowNoAnswer: flag('The empty answer takes part.', false),
    offsets,
  },
);
export type AnswerBody = ValueOf<typeof answerBody>;

export const rerankBody = object(
  { query: oneText, texts: list(oneText) },
  {
    topK: count('Texts to give back, the best ones. Left out: all.', { minimum: 1 }),
    rawScores: flag('Scores before the sigmoid.', false),
    returnTexts: flag('Give the texts back, too.', false),
    ...camelLengths,
  },
);
export type RerankBody = ValueOf<typeof rerankBody>;

export const fillMaskBody = object(
  { inputs: texts },
  {
    topK: count('Words for each mask, the likeliest first.', {
      minimum: 1,
      maximum: 100,
      default: 5,
    }),
  },
);
export type FillMaskBody = ValueOf<typeof fillMaskBody>;

/** An answer with results of one kind. */
const answerOf = (results: JsonSchema) =>
  object({
    model,
    version: text('Start of a hash over weights and settings of the model.'),
    results: { ...list(results), description: 'In the order of the inputs.' },
    usage: object({
      inputs: count('How many were computed.'),
      tokens: count('Tokens of all of them, special tokens included.'),
      truncated: count('Inputs that were cut.'),
    }),
  });

const score = number();
const scores = list(object({ label: text(), score }), { description: 'The highest first.' });
const shared = {
  truncated: flag('Whether the text was cut.'),
  logits: list(number(), { description: 'If asked for.' }),
};
const places = {
  start: count('`offsets` utf16 or both.'),
  end: count(),
  startCodePoint: count('`offsets` codePoint or both.'),
  endCodePoint: count(),
};

export const embedAnswer = answerOf(
  anyOf('A vector, in the encoding asked for.', list(number()), text()),
);
export const classifyAnswer = answerOf(
  anyOf(
    'By the kind of the model.',
    object(
      {
        label: text('The label with the highest score.'),
        score,
        scores,
        truncated: shared.truncated,
      },
      { logits: shared.logits },
    ),
    object(
      {
        labels: list(text(), { description: 'Those from the threshold on.' }),
        scores,
        truncated: shared.truncated,
      },
      { logits: shared.logits },
    ),
    object(
      {
        value: number('The first output.'),
        values: list(number(), { description: 'All outputs.' }),
        truncated: shared.truncated,
      },
      { logits: shared.logits },
    ),
  ),
);
export const tagAnswer = answerOf(
  list(object({ entity: text(), score, word: text('The part of the text.') }, places)),
);
export const answerAnswer = answerOf(
  list(object({ answer: text('Part of the context; empty: no answer.'), score }, places)),
);
export const rerankAnswer = answerOf(
  object({ index: count('Place of the text in the request.'), score }, { text: oneText }),
);
export const fillMaskAnswer = answerOf(
  list(
    list(object({ token: text(), id: count(), score, text: text('The text with the token.') })),
    { description: 'A list for each mask.' },
  ),
);

export const modelAnswer = object({
  name: model,
  task: text(),
  source: text(),
  version: text(),
  dtype: text(),
  pooling: nullable(text()),
  labels: list(text()),
  problem: nullable(text()),
  thresholds: {
    ...nullable(list(number())),
    description: 'Scores from which the labels of a model with several count; null: 0.5 for each.',
  },
  dimensions: nullable(count()),
  maxTokens: count(),
  prompts: record(text(), 'Prompts by name.'),
  loadedAt: text('ISO 8601.'),
});
export const modelsAnswer = object({ models: list(modelAnswer) });
