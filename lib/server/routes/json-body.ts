/**
 * Reads a request's body as JSON, strictly, and no other type: UTF-8, one value, no key twice, no deep nesting.
 *
 * The rule: no message repeats the text, because messages are logged. Keys such as `__proto__` are ordinary ones here, which the
 * schemas then refuse as unknown fields, so nothing is ever assigned by a client's key.
 */
import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { RequestFailure } from '../handling.js';
import { scanJson } from './json-scan.js';

/** Makes this the only reader of bodies in a part of an app. */
export function useJsonBody(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  const options = { parseAs: 'buffer' } as const;
  scope.addContentTypeParser('application/json', options, (_, body: Buffer, done) => {
    try {
      done(null, readJson(body));
    } catch (error) {
      done(error as Error);
    }
  });
}

/** Throws RequestFailure `malformed`. */
export function readJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) {
    throw new RequestFailure('malformed', 'the body is empty, it must be JSON');
  }
  if (!isUtf8(bytes)) throw new RequestFailure('malformed', 'the body must be UTF-8');
  const problem = scanJson(bytes);
  if (problem !== null) throw new RequestFailure('malformed', `the body ${problem}`);
  return parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const place = /at position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
    const where = place === undefined ? '' : ` (character ${place})`;
    throw new RequestFailure('malformed', `the body is not valid JSON${where}`);
  }
}
