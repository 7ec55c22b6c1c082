/**
 * Fields that several routes have, in each dialect's spelling.
 *
 * The rule: lists have no largest length here. How many inputs a request may have is a setting of the server, which counts them.
 */
import { AGGREGATIONS } from '../../tasks/token-classification/entities.js';
import { anyOf, choice, count, flag, list, pair, record, text } from './schema.js';

/** Ids are int32 in the core. */
const MAX_ID = 2 ** 31 - 1;

export const tokenId = count('Id of a token.', { minimum: 0, maximum: MAX_ID });
export const oneText = text('A text.');
export const texts = anyOf('A text or a list of texts.', oneText, list(oneText));
export const idLists = anyOf(
  'Ids of tokens, or a list of such lists.',
  list(tokenId),
  list(list(tokenId)),
);
/** OpenAI and TEI: texts or ids, one or many. */
export const textsOrIds = anyOf(
  'A text, a list of texts, the ids of tokens, or a list of such lists. Ids are those of the model, special tokens included.',
  oneText,
  list(oneText),
  list(tokenId),
  list(list(tokenId)),
);

/** Ours: a list is always a list of inputs. */
export const mixedInputs = anyOf(
  'A text, or a list of inputs: texts, pairs of texts, or lists of token ids. A list is never a pair by itself.',
  oneText,
  list(anyOf('One input.', oneText, pair(oneText, 'A pair of texts.'), list(tokenId))),
);

export const dimensions = count(
  'Leading numbers to keep of each vector, which is scaled to length 1 again. For models trained so (Matryoshka).',
  { minimum: 1 },
);
export const model = text('Name of a served model.', { minLength: 1 });

/** TEI's fields about lengths. */
export const snakeLengths = {
  truncate: flag(
    'Cut texts over the limit of the model. false: they are an error. Left out: as the server is set (`auto_truncate`).',
  ),
  truncation_direction: choice(
    'Which end of a text over the limit goes.',
    ['Right', 'Left', 'right', 'left'],
    'Right',
  ),
};

export const promptName = text('Prompt of the model to put in front of each text.', {
  minLength: 1,
});

/** Our fields about lengths. */
export const camelLengths = {
  truncate: flag(
    'Cut texts over the limit of the model. false: they are an error. Left out: as the server is set.',
  ),
  truncationDirection: choice(
    'Which end of a text over the limit goes.',
    ['right', 'left'],
    'right',
  ),
};

export const offsets = choice(
  'How places in the text are counted. `utf16`: `start` and `end` as JavaScript counts; `codePoint`: `startCodePoint` and `endCodePoint` as Python counts.',
  ['utf16', 'codePoint', 'both'],
  'utf16',
);

export const aggregation = choice(
  'How tokens become entities, as in transformers. `none`: not at all, every token has its whole tag.',
  AGGREGATIONS,
  'simple',
);

export const share = { type: 'number', minimum: 0, maximum: 1 } as const;

export const threshold = anyOf<
  [import('./schema.js').Schema<number>, import('./schema.js').Schema<Record<string, number>>]
>(
  'Models with several labels: the score from which a label counts, one for all or by label. Left out: as the model was fitted, else 0.5.',
  share,
  record(share, 'By label.'),
);
