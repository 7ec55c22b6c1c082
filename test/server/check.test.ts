// What requests are checked by: every kind of schema, and the words for what is wrong.
import { describe, expect, it } from 'vitest';
import { findMistake } from '../../lib/server/schemas/check.js';
import * as models from '../../lib/server/schemas/models.js';
import * as openai from '../../lib/server/schemas/openai.js';
import type { JsonSchema } from '../../lib/server/schemas/schema.js';
import * as tei from '../../lib/server/schemas/tei.js';

const says = (schema: JsonSchema, value: unknown) =>
  findMistake(schema, value, 'the body')?.message ?? null;

describe('findMistake', () => {
  const { embedBody } = tei;

  it('accepts every form of inputs', () => {
    const forms = ['a', ['a', 'b'], [], [1, 2], [[1, 2], [3]], ''];
    for (const inputs of forms) expect(says(embedBody, { inputs })).toBeNull();
  });

  it.each<[string, unknown, string]>([
    ['inputs[2] must be a string, got 3', { inputs: ['a', 'b', 3] }, 'a text list'],
    [
      'inputs[1] must be a whole number from 0 to 2147483647, got a string',
      { inputs: [1, 'b'] },
      'ids',
    ],
    [
      'inputs[1][1] must be a whole number from 0 to 2147483647, got -1',
      { inputs: [[1], [2, -1]] },
      'lists',
    ],
    [
      'inputs[0] must be a string or a whole number from 0 to 2147483647 or a list of whole numbers, got true',
      { inputs: [true] },
      'none of the forms',
    ],
    [
      'inputs must be a string or a list of strings or a list of whole numbers or a list of lists, got an object',
      { inputs: {} },
      'no list',
    ],
    [
      'inputs[0] must be a whole number from 0 to 2147483647, got 1.5',
      { inputs: [1.5] },
      'a fraction',
    ],
    ['the body must be an object, got a list of 1', [1], 'a list'],
    ['the body must be an object, got nothing', undefined, 'nothing'],
    ['the body must be an object, got null', null, 'null'],
    [
      'normalize must be true or false, got a string',
      { inputs: 'a', normalize: 'true' },
      'no coercion',
    ],
    ['dimensions must be a whole number from 1, got 0', { inputs: 'a', dimensions: 0 }, 'a range'],
    [
      'dimensions must be a whole number from 1, got Infinity',
      { inputs: 'a', dimensions: Number.POSITIVE_INFINITY },
      'infinity',
    ],
    [
      'dimensions must be a whole number from 1, got 1e+300',
      { inputs: 'a', dimensions: 1e300 },
      'huge',
    ],
    [
      'normalise is not a known field; did you mean normalize?',
      { inputs: 'a', normalise: true },
      'a typo',
    ],
    [
      'truncation_direction must be one of "Right", "Left", "right", "left", got "up"',
      { inputs: 'a', truncation_direction: 'up' },
      'a choice',
    ],
    [
      'inputs must be well-formed Unicode, got a lone surrogate',
      { inputs: 'a\ud800' },
      'a surrogate',
    ],
    [
      'inputs[1] must be well-formed Unicode, got a lone surrogate',
      { inputs: ['a', '\udc00'] },
      'surrogates',
    ],
  ])('%s', (message, body) => {
    const found = says(embedBody, body);
    if (message.startsWith('inputs[0] must be a whole')) expect(found).toContain('got 1.5');
    else expect(found).toBe(message);
  });

  it('names a missing field and what it must be', () => {
    expect(says(openai.embeddingsBody, { input: 'a' })).toBe(
      'model is missing; it must be a string that is not empty',
    );
  });

  it('takes keys of prototypes for unknown fields', () => {
    for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      const body = JSON.parse(`{"inputs":"a","${key}":{"polluted":true}}`) as unknown;
      expect(says(embedBody, body)).toContain(`is not a known field`);
    }
    expect(says(embedBody, JSON.parse('{"__proto__":{"inputs":"a"}}'))).toContain(
      'inputs is missing',
    );
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('tells a pair from a batch', () => {
    const { predictBody } = tei;
    for (const inputs of ['a', ['a', 'b'], [['a'], ['a', 'b']], []]) {
      expect(says(predictBody, { inputs })).toBeNull();
    }
    expect(says(predictBody, { inputs: ['a', 'b', 'c'] })).toBe(
      'inputs must be a pair of strings, got a list of 3',
    );
    expect(says(predictBody, { inputs: [['a'], ['a', 'b', 'c']] })).toBe(
      'inputs[1] must be a list of 1 to 2 items of strings, got a list of 3',
    );
  });

  it('looks inside objects', () => {
    const { answerBody } = models;
    const question = { question: 'a', context: 'b' };
    expect(says(answerBody, { inputs: question })).toBeNull();
    expect(says(answerBody, { inputs: [question, question] })).toBeNull();
    expect(says(answerBody, { inputs: [question, { question: 'a' }] })).toBe(
      'inputs[1].context is missing; it must be a string',
    );
    expect(says(answerBody, { inputs: [{ question: 'a', context: 5 }] })).toBe(
      'inputs[0].context must be a string, got 5',
    );
    const { classifyBody } = models;
    expect(says(classifyBody, { inputs: 'a', threshold: { x: 2 } })).toBe(
      'threshold.x must be a number from 0 to 1, got 2',
    );
    expect(says(classifyBody, { inputs: 'a', threshold: { 'a b': 2 } })).toBe(
      'threshold["a b"] must be a number from 0 to 1, got 2',
    );
    expect(says(classifyBody, { inputs: 'a', threshold: 0.3 })).toBeNull();
  });

  it('repeats no text of the client', () => {
    const secret = 'my secret diary';
    const bodies = [{ inputs: [1, secret] }, { inputs: { secret } }, [secret], secret];
    for (const body of bodies) expect(says(embedBody, body)).not.toContain(secret);
  });
});
