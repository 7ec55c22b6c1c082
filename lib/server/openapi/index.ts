/**
 * The documents about the routes: the OpenAPI 3.1 document and the page made from it.
 *
 * The rule: both are made from the schemas of the routes, so they cannot say anything else than what is checked. They hold no fact
 * of the models and need no key.
 */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import type { Serving } from '../handling.js';
import type { OpenApi } from './document.js';
import { renderApiPage } from './page.js';

/** How the plugin's function is called here, apart from that of an app that has the plugin itself. */
const DECORATOR = 'sinterOpenApi';

const DESCRIPTION =
  'Text models of the BERT family behind HTTP: OpenAI, Cohere, Jina and TEI clients work unchanged; /models has every task.';

/** Writes down the routes that are added to this part of an app from now on. */
export async function collectRoutes(scope: FastifyInstance, version: string): Promise<void> {
  await scope.register(swagger, {
    decorator: DECORATOR,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Sinter', version, description: DESCRIPTION },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer' },
          apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
        },
      },
      // Either of them, or none where the server has no keys.
      security: [{}, { bearer: [] }, { apiKey: [] }],
    },
  });
}

/** Adds `/openapi.json`, `/api-doc/openapi.json`, as TEI has it, and the page `/docs`. */
export function addDocuments(scope: FastifyInstance, serving: Serving): void {
  const document = once(() => {
    const make = (scope as unknown as Record<string, unknown>)[DECORATOR] as () => OpenApi;
    return make();
  });
  const json = once(() => Buffer.from(JSON.stringify(document())));
  const page = once(() => renderApiPage(document(), serving.version));
  const config = { access: 'open' } as const;
  for (const url of ['/openapi.json', '/api-doc/openapi.json']) {
    scope.get(url, { config, schema: { hide: true } }, (_, reply) =>
      reply.type('application/json; charset=utf-8').send(json()),
    );
  }
  scope.get('/docs', { config, schema: { hide: true } }, (_, reply) =>
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
      .header('x-content-type-options', 'nosniff')
      .send(page()),
  );
}

/** A function that makes its value at the first call. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
