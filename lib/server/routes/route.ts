/**
 * How a route is written: an operation (a body's schema and what is done with it) and its facts for the documents.
 *
 * The rule: an operation never sees a body that its schema refuses.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Dialect, RequestFailure, type Serving } from '../handling.js';
import { findMistake } from '../schemas/check.js';
import { errorAnswers } from '../schemas/failures.js';
import type { JsonSchema, Schema } from '../schemas/schema.js';

/** A request on its way. */
export interface Call {
  readonly serving: Serving;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Name of the model as the request gave it outside its body. */
  readonly model: string | undefined;
}

/** What can be done with a body. `run` returns the answer: a value that becomes JSON, or finished JSON as a Buffer or a stream. */
export interface Operation<B = never> {
  readonly body: Schema<B>;
  run(call: Call, body: B): Promise<unknown>;
}

export interface RouteFacts {
  readonly url: string;
  readonly dialect: Dialect;
  /** Its chapter in the documents. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly answer: JsonSchema;
  /** A body that works; shown in the documents and sent by the tests. */
  readonly example: unknown;
  readonly query?: JsonSchema;
  readonly params?: JsonSchema;
}

/** Adds `POST url`. `modelOf`: the name of the model that a request gives outside its body. */
export function addPost<B>(
  scope: FastifyInstance,
  serving: Serving,
  facts: RouteFacts,
  operation: Operation<B>,
  modelOf: (request: FastifyRequest) => string | undefined,
): void {
  const { url, dialect, tag, summary, description, answer, example, query, params } = facts;
  scope.route({
    method: 'POST',
    url,
    config: { dialect },
    schema: {
      tags: [tag],
      summary,
      ...(description !== undefined && { description }),
      ...(query !== undefined && { querystring: query }),
      ...(params !== undefined && { params }),
      body: { ...operation.body, examples: [example] },
      response: { 200: { description: 'The answer.', ...answer }, ...errorAnswers(dialect) },
    },
    handler: (request, reply) => {
      const call = { serving, request, reply, model: modelOf(request) };
      return operation.run(call, request.body as B);
    },
  });
}

const WHOLES: Readonly<Record<string, string>> = {
  body: 'the body',
  querystring: 'the query',
  params: 'the path',
};

/** Makes requests of a part of an app be checked by our schemas, without coercion, and answers be written by JSON.stringify. */
export function useSchemas(scope: FastifyInstance): void {
  scope.setValidatorCompiler<JsonSchema>(({ schema, httpPart = 'body' }) => (value: unknown) => {
    const mistake = findMistake(schema, value, WHOLES[httpPart] ?? httpPart);
    if (mistake === null) return { value };
    const param = mistake.place === '' ? {} : { param: mistake.place };
    return { error: new RequestFailure('validation', mistake.message, param) };
  });
  // Response schemas are for the documents. A serializer made of them would drop fields it does not know.
  scope.setSerializerCompiler(() => JSON.stringify);
}
