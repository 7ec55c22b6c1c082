/**
 * What a schema asks for and what came instead, in words: `a list of strings`, `a whole number from 1`, `an empty list`.
 *
 * The rule: no text of a client is repeated, only its kind; numbers, true, false and null are shown.
 */
import type { JsonSchema } from './schema.js';

/** `a string`, `a pair of strings`, `one of "float", "base64"`. */
export function kindWord(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return unique(schema.anyOf.map(kindWord)).join(' or ');
  if (schema.enum !== undefined) {
    return `one of ${schema.enum.map((one) => JSON.stringify(one)).join(', ')}`;
  }
  switch (schema.type) {
    case 'string':
      return `a string${lengthWord(schema)}`;
    case 'integer':
      return `a whole number${rangeWord(schema)}`;
    case 'number':
      return `a number${rangeWord(schema)}`;
    case 'array':
      return `${amountWord(schema)} of ${plural(schema.items ?? {})}`;
    case 'object':
      return 'an object';
    case 'boolean':
      return 'true or false';
    default:
      return schema.type ?? 'a value';
  }
}

/** What a value is: `5`, `a string`, `a list of 3`. */
export function gotWord(value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'a string';
  if (Array.isArray(value))
    return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'nothing' : String(value);
}

function plural(schema: JsonSchema): string {
  if (schema.anyOf !== undefined) return unique(schema.anyOf.map(plural)).join(' or ');
  switch (schema.type) {
    case 'string':
      return 'strings';
    case 'integer':
      return 'whole numbers';
    case 'number':
      return 'numbers';
    case 'array':
      return schema.maxItems === 2 && schema.minItems === 2 ? 'pairs' : 'lists';
    default:
      return 'objects';
  }
}

function amountWord({ minItems = 0, maxItems }: JsonSchema): string {
  if (minItems === 2 && maxItems === 2) return 'a pair';
  if (maxItems !== undefined) return `a list of ${minItems} to ${maxItems} items`;
  return minItems > 0 ? `a list of at least ${minItems} items` : 'a list';
}

function rangeWord({ minimum, maximum }: JsonSchema): string {
  if (minimum === undefined && maximum === undefined) return '';
  const from = minimum === undefined ? '' : ` from ${minimum}`;
  return maximum === undefined ? from : `${from} to ${maximum}`;
}

function lengthWord({ minLength = 0, maxLength }: JsonSchema): string {
  if (maxLength !== undefined) return ` of ${minLength} to ${maxLength} characters`;
  return minLength > 0 ? ' that is not empty' : '';
}

const unique = (words: readonly string[]): readonly string[] => [...new Set(words)];
