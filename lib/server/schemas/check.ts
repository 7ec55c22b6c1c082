/**
 * Checks a JSON value by a schema, and words what is wrong: `inputs[3] must be a string, got 5`.
 *
 * The rule: a message names the place and what must be there, and repeats no text of a client, because messages are logged.
 * Where a value fits none of several forms, the mistake is the one that is furthest inside, as there the form is clear.
 */
import { show } from '../../core/errors.js';
import { nearestName } from '../../core/nearest-name.js';
import { gotWord, kindWord } from './kind-words.js';
import type { JsonSchema } from './schema.js';

/** What is wrong with a value. */
export interface Mistake {
  /** `inputs[3].question`; '' is the value itself. */
  readonly place: string;
  /** The whole sentence. */
  readonly message: string;
}

interface Found {
  /** From the value inwards. */
  readonly path: readonly (string | number)[];
  /** How far the value fits: the path, and for a list of a wrong length with fitting items its end. */
  readonly reach: readonly (string | number)[];
  /** What must be there: `a string`. Several if several forms are possible. */
  readonly must: readonly string[];
  readonly got: string;
  /** In place of `must be ..., got ...`. */
  readonly says?: string;
}

/** The mistake of a value; null if it is one of the schema. `whole`: what the value itself is called. */
export function findMistake(schema: JsonSchema, value: unknown, whole: string): Mistake | null {
  const found = find(schema, value);
  if (found === null) return null;
  const place = placeOf(found.path);
  const says = found.says ?? `must be ${found.must.join(' or ')}, got ${found.got}`;
  return { place, message: `${place === '' ? whole : place} ${says}` };
}

function placeOf(path: Found['path']): string {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`;
    return /^\w+$/.test(step) ? `.${step}` : `[${show(step)}]`;
  });
  return steps.join('').replace(/^\./, '');
}

function find(schema: JsonSchema, value: unknown): Found | null {
  if (schema.anyOf !== undefined) return findInForms(schema.anyOf, value);
  switch (schema.type) {
    case 'string':
      return findInText(schema, value);
    case 'integer':
    case 'number':
      return isNumberOf(schema, value) ? null : wrong(schema, value);
    case 'array':
      return findInList(schema, value);
    case 'object':
      return findInObject(schema, value);
    case 'boolean':
      return typeof value === 'boolean' ? null : wrong(schema, value);
    case 'null':
      return value === null ? null : wrong(schema, value);
    default:
      return null;
  }
}

const wrong = (schema: JsonSchema, value: unknown): Found => ({
  path: [],
  reach: [],
  must: [kindWord(schema)],
  got: gotWord(value),
});

const inside = (found: Found, step: string | number): Found => ({
  ...found,
  path: [step, ...found.path],
  reach: [step, ...found.reach],
});

function findInForms(forms: readonly JsonSchema[], value: unknown): Found | null {
  let furthest: Found | null = null;
  for (const form of forms) {
    const found = find(form, value);
    if (found === null) return null;
    const order = furthest === null ? 1 : compare(found.reach, furthest.reach);
    if (order > 0) furthest = found;
    if (order === 0 && furthest !== null && furthest.says === undefined) {
      furthest = { ...furthest, must: [...new Set([...furthest.must, ...found.must])] };
    }
  }
  return furthest;
}

/** Above 0 if path `a` is further inside than `b`. */
function compare(a: Found['path'], b: Found['path']): number {
  for (const [i, step] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    if (typeof step === 'number' && typeof other === 'number' && step !== other) {
      return step - other;
    }
  }
  return a.length - b.length;
}

function findInText(schema: JsonSchema, value: unknown): Found | null {
  if (typeof value !== 'string') return wrong(schema, value);
  if (schema.enum !== undefined) {
    return schema.enum.includes(value) ? null : { ...wrong(schema, value), got: show(value) };
  }
  if (!value.isWellFormed()) {
    const says = 'must be well-formed Unicode, got a lone surrogate';
    return { ...wrong(schema, value), says };
  }
  const { minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
  if (value.length < minLength || value.length > maxLength) {
    const got = value === '' ? 'an empty string' : `one of ${value.length}`;
    return { ...wrong(schema, value), got };
  }
  return null;
}

function isNumberOf(schema: JsonSchema, value: unknown): boolean {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (schema.type === 'integer' && !Number.isSafeInteger(value)) return false;
  return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
}

function findInList(schema: JsonSchema, value: unknown): Found | null {
  if (!Array.isArray(value)) return wrong(schema, value);
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema;
  for (let i = 0; items !== undefined && i < value.length; i++) {
    const found = find(items, value[i]);
    if (found !== null) return inside(found, i);
  }
  if (value.length >= minItems && value.length <= maxItems) return null;
  return { ...wrong(schema, value), reach: [value.length] };
}

function findInObject(schema: JsonSchema, value: unknown): Found | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return wrong(schema, value);
  }
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = value as Readonly<Record<string, unknown>>;
  for (const name of required) {
    if (Object.hasOwn(fields, name)) continue;
    const must = kindWord(properties[name] ?? {});
    return {
      path: [name],
      reach: [name],
      must: [must],
      got: 'nothing',
      says: `is missing; it must be ${must}`,
    };
  }
  for (const name of Object.keys(fields)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (known === false) return unknownField(name, Object.keys(properties));
    const found = known === undefined ? null : find(known, fields[name]);
    if (found !== null) return inside(found, name);
  }
  return null;
}

function unknownField(name: string, names: readonly string[]): Found {
  const near = nearestName(name, names);
  const hint = near === undefined ? `known are ${names.join(', ')}` : `did you mean ${near}?`;
  return { path: [name], reach: [name], must: [], got: '', says: `is not a known field; ${hint}` };
}
