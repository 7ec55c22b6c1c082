/**
 * The bodies of errors in each dialect, for the documents.
 *
 * The rule: statuses and words are decided by the server's core; this file only describes them.
 */
import type { Dialect } from '../handling.js';
import { type JsonSchema, nullable, object, text } from './schema.js';

const BODIES: Readonly<Record<Dialect, JsonSchema>> = {
  tei: object({
    error: text('What is wrong.'),
    error_type: text('`Empty`, `Validation`, `Overloaded` ...'),
  }),
  openai: object({
    error: object({
      message: text('What is wrong.'),
      type: text('`invalid_request_error`, `rate_limit_error` ...'),
      param: nullable(text('The field that it is about.')),
      code: nullable(text('`model_not_found` ...')),
    }),
  }),
  sinter: object({
    error: object(
      { code: text(), message: text('What is wrong.'), requestId: text() },
      { param: text('The field that it is about.') },
    ),
  }),
};

/** Responses that are not 200. */
export function errorAnswers(dialect: Dialect): Record<string, JsonSchema> {
  return {
    '4xx': { description: 'A mistake in the request, or too many requests.', ...BODIES[dialect] },
    '5xx': { description: 'The server or the model failed.', ...BODIES[dialect] },
  };
}
