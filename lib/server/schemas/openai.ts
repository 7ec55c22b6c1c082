/**
 * Bodies and answers of the routes in OpenAI's form, and of `/v1/rerank` in the form of Cohere and Jina.
 *
 * The rule: field names are theirs, so that their clients work unchanged.
 */
import { dimensions, model, oneText, textsOrIds } from './parts.js';
import { anyOf, choice, count, flag, list, number, object, text, type ValueOf } from './schema.js';

export const embeddingsBody = object(
  { input: textsOrIds, model },
  {
    encoding_format: choice(
      '`base64`: the numbers as little-endian float32, a third of the bytes; the openai client asks for it by itself.',
      ['float', 'base64'],
      'float',
    ),
    dimensions,
    user: text('Accepted for compatibility; the server makes no use of it.'),
  },
);
export type EmbeddingsBody = ValueOf<typeof embeddingsBody>;

const usage = object({
  prompt_tokens: count('Tokens that were computed, special tokens included.'),
  total_tokens: count('The same.'),
});

export const embeddingsAnswer = object({
  object: choice('', ['list']),
  data: list(
    object({
      object: choice('', ['embedding']),
      index: count('Place of the input in the request.'),
      embedding: anyOf('The vector, in the encoding asked for.', list(number()), text()),
    }),
  ),
  model,
  usage,
});

export const modelEntry = object(
  {
    id: model,
    object: choice('', ['model']),
    created: count('When it was loaded, in seconds since 1970.'),
    owned_by: text('Always `sinter`.'),
  },
  {
    task: text('What it does: embed, classify, tag, answer, rerank or fill-mask.'),
    max_tokens: count('Longest input in tokens.'),
    dimensions: count('Numbers in a vector, of a model that embeds.'),
  },
);

export const modelList = object({ object: choice('', ['list']), data: list(modelEntry) });

export const rerankBody = object(
  {
    model,
    query: oneText,
    documents: list(anyOf('A document.', oneText, object({ text: oneText }))),
  },
  {
    top_n: count('Documents to give back, the best ones. Left out: all.', { minimum: 1 }),
    return_documents: flag('Give the texts back, too.', false),
  },
);
export type RerankBody = ValueOf<typeof rerankBody>;

export const rerankAnswer = object({
  id: text('Id of the request.'),
  object: choice('', ['list']),
  model,
  results: list(
    object(
      {
        index: count('Place of the document in the request.'),
        relevance_score: number('From 0 to 1.'),
      },
      { document: object({ text: oneText }) },
    ),
    { description: 'The best first.' },
  ),
  usage,
  meta: object({ tokens: object({ input_tokens: count('The same number, as Cohere has it.') }) }),
});
