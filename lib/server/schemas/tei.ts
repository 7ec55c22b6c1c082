/**
 * Bodies and answers of the routes of Text Embeddings Inference (TEI).
 *
 * The rule: names, defaults and shapes are those of TEI 1.9; where its code and documents differ, docs/guide/serve-routes.md says
 * what holds here.
 */
import {
  dimensions,
  idLists,
  oneText,
  promptName,
  snakeLengths,
  texts,
  textsOrIds,
} from './parts.js';
import {
  anyOf,
  count,
  flag,
  list,
  nullable,
  number,
  object,
  pair,
  record,
  text,
  type ValueOf,
} from './schema.js';

export const modelQuery = object(
  {},
  {
    model: text(
      'Name of the model; the header `x-model` does the same. Needed if several have the task.',
    ),
  },
);

export const embedBody = object(
  { inputs: textsOrIds },
  {
    normalize: flag('Scale vectors to length 1.', true),
    ...snakeLengths,
    prompt_name: promptName,
    dimensions,
  },
);
export type EmbedBody = ValueOf<typeof embedBody>;

export const embedAllBody = object(
  { inputs: textsOrIds },
  { ...snakeLengths, prompt_name: promptName },
);
export type EmbedAllBody = ValueOf<typeof embedAllBody>;

const vector = list(number(), { description: 'A vector.' });
export const embedAnswer = list(vector, { description: 'A vector for each input.' });
export const embedAllAnswer = list(list(vector), {
  description: 'For each input a vector for each of its tokens, special tokens included.',
});

const textOrPair = list(oneText, { minItems: 1, maxItems: 2 });
export const predictBody = object(
  {
    inputs: anyOf(
      'A text; a pair `["a", "b"]`; or a batch of both: `[["a"], ["a", "b"]]`.',
      oneText,
      pair(oneText, 'A pair of texts.'),
      list(textOrPair),
    ),
  },
  { raw_scores: flag('Scores before softmax or sigmoid.', false), ...snakeLengths },
);
export type PredictBody = ValueOf<typeof predictBody>;

const labelScores = list(object({ score: number(), label: text() }), {
  description: 'All labels, the highest score first.',
});
export const predictAnswer = anyOf(
  'One list for a text or a pair, a list of them for a batch.',
  labelScores,
  list(labelScores),
);

export const rerankBody = object(
  { query: oneText, texts: list(oneText) },
  {
    raw_scores: flag('Scores before the sigmoid.', false),
    return_text: flag('Give the texts back, too.', false),
    ...snakeLengths,
  },
);
export type RerankBody = ValueOf<typeof rerankBody>;

export const rerankAnswer = list(
  object({ index: count('Place of the text in the request.'), score: number() }, { text: oneText }),
  { description: 'The highest score first.' },
);

export const similarityBody = object(
  { inputs: object({ source_sentence: oneText, sentences: list(oneText) }) },
  { parameters: object({}, { ...snakeLengths, prompt_name: promptName }) },
);
export type SimilarityBody = ValueOf<typeof similarityBody>;

export const similarityAnswer = list(number('Cosine similarity, from -1 to 1.'));

export const tokenizeBody = object(
  { inputs: texts },
  {
    add_special_tokens: flag('With the special tokens of the model.', true),
    prompt_name: promptName,
  },
);
export type TokenizeBody = ValueOf<typeof tokenizeBody>;

const place = nullable(count());
export const tokenizeAnswer = list(
  list(
    object({
      id: count(),
      text: text('The part of the text; of a special token its name.'),
      special: flag(),
      start: { ...place, description: 'In code points, as TEI counts; null for a special token.' },
      stop: { ...place, description: 'The same.' },
    }),
  ),
);

export const decodeBody = object(
  { ids: idLists },
  { skip_special_tokens: flag('Leave special tokens out.', true) },
);
export type DecodeBody = ValueOf<typeof decodeBody>;

export const decodeAnswer = list(oneText);

const labelMaps = object({
  id2label: record(text(), 'Labels by their number.'),
  label2id: record(count(), 'Numbers by label.'),
});
export const infoAnswer = object({
  model_id: text('Where the model was loaded from: a folder, a file or an id.'),
  model_sha: text('Start of a hash over weights and settings.'),
  model_dtype: text(),
  served_model_name: text(),
  model_type: anyOf(
    'One field, named after the kind of the model.',
    object({ embedding: object({ pooling: text() }) }),
    object({ classifier: labelMaps }),
    object({ reranker: labelMaps }),
    object({ token_classifier: labelMaps }),
    object({ question_answerer: object({}) }),
    object({ masked_lm: object({}) }),
  ),
  max_concurrent_requests: count(),
  max_input_length: count('In tokens.'),
  max_batch_tokens: count(),
  max_batch_requests: nullable(count()),
  max_client_batch_size: count('Inputs of one request.'),
  auto_truncate: flag(),
  tokenization_workers: count(),
  version: text(),
});
