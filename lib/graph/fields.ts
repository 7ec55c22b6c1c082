/**
 * Kinds of fields of a node: names of values, names of weights, numbers, choices, and objects of these.
 *
 * An operation describes its fields once. Reading JSON, finding and renaming names, and comparing nodes all follow from the
 * description.
 */

import { isJsonObject, type JsonValue } from '../core/json.js';

/** Longest name of a value or a weight, in UTF-16 units. */
const NAME_LENGTH = 1024;
/** Most names or objects in one list. */
const LIST_LENGTH = 1024;

/** Kind of the content of a field. */
export type FieldKind =
  | 'value'
  | 'values'
  | 'weight'
  | 'weights'
  | 'number'
  | 'choice'
  | 'objects'
  | 'object';

export interface Field {
  readonly kind: FieldKind;
  /** The field may be left out. */
  readonly optional: boolean;
  /** The field may be null. */
  readonly nullable: boolean;
  /** The field says how weights are stored, not what is computed from them. */
  readonly storage: boolean;
  /** The field matters only in training. */
  readonly training: boolean;
  /** Allowed values of a `choice`. */
  readonly choices: readonly (string | number)[];
  /** Fields of an `object`, and of each object in a list. */
  readonly fields: Fields;
}

export type Fields = Readonly<Record<string, Field>>;

function field(kind: FieldKind, more: Partial<Field> = {}): Field {
  return {
    kind,
    optional: false,
    nullable: false,
    storage: false,
    training: false,
    choices: [],
    fields: {},
    ...more,
  };
}

/** Name of a value that the node reads. */
export const value = field('value');
/** Names of values that the node reads, in order. */
export const values = field('values');
/** Name of a weight that is read alone. */
export const weight = field('weight');
/** Names of weights that are read as one matrix or vector, with their rows stacked. */
export const weights = field('weights');
/** A finite number. */
export const number = field('number');
export const oneOf = (choices: readonly (string | number)[]): Field => field('choice', { choices });
export const object = (fields: Fields): Field => field('object', { fields });
export const objects = (fields: Fields): Field => field('objects', { fields });
export const optional = (of: Field): Field => ({ ...of, optional: true });
export const orNull = (of: Field): Field => ({ ...of, nullable: true });
export const storage = (of: Field): Field => ({ ...of, storage: true });
export const training = (of: Field): Field => ({ ...of, training: true });

/** Whether a JSON value is valid for the field. */
export function fits(of: Field, json: JsonValue | undefined): boolean {
  if (json === undefined) return of.optional;
  if (json === null) return of.nullable;
  switch (of.kind) {
    case 'value':
    case 'weight':
      return isName(json);
    case 'values':
    case 'weights':
      return Array.isArray(json) && json.length <= LIST_LENGTH && json.every(isName);
    case 'number':
      return typeof json === 'number' && Number.isFinite(json);
    case 'choice':
      return of.choices.includes(json as string);
    case 'object':
      return fitsAll(of.fields, json);
    case 'objects':
      return (
        Array.isArray(json) &&
        json.length <= LIST_LENGTH &&
        json.every((entry) => fitsAll(of.fields, entry))
      );
  }
}

/** Whether a JSON value is an object with these fields and no others. */
export function fitsAll(fields: Fields, json: JsonValue | undefined): boolean {
  return (
    isJsonObject(json) &&
    Object.keys(json).every((key) => Object.hasOwn(fields, key)) &&
    Object.entries(fields).every(([key, of]) =>
      fits(of, Object.hasOwn(json, key) ? json[key] : undefined),
    )
  );
}

/** A name of a value, a weight or an output. */
export function isName(json: JsonValue | undefined): json is string {
  return typeof json === 'string' && json.length > 0 && json.length <= NAME_LENGTH;
}

type Plain = Readonly<Record<string, unknown>>;

/** Calls `visit` with every field that is present, fields of inner objects too, in the order of the descriptions. */
function visitFields(
  fields: Fields,
  from: object,
  visit: (of: Field, found: unknown) => void,
): void {
  for (const key in fields) {
    const of = fields[key] as Field;
    const found = (from as Plain)[key];
    if (found === undefined || found === null) continue;
    if (of.kind === 'object') visitFields(of.fields, found, visit);
    else if (of.kind === 'objects') {
      for (const one of found as readonly object[]) visitFields(of.fields, one, visit);
    } else visit(of, found);
  }
}

/** Names of all values in the fields, in order. */
export function valuesIn(fields: Fields, from: object): readonly string[] {
  const names: string[] = [];
  visitFields(fields, from, ({ kind }, found) => {
    if (kind === 'value') names.push(found as string);
    if (kind === 'values') names.push(...(found as readonly string[]));
  });
  return names;
}

/**
 * Names of all weights in the fields, in order. Weights that are read as one matrix or vector are in one list. `storage`
 * false: without the fields that only say how weights are stored.
 */
export function stacksIn(
  fields: Fields,
  from: object,
  { storage: all = true }: { readonly storage?: boolean } = {},
): readonly (readonly string[])[] {
  const stacks: (readonly string[])[] = [];
  visitFields(fields, from, (of, found) => {
    if (of.storage && !all) return;
    if (of.kind === 'weight') stacks.push([found as string]);
    if (of.kind === 'weights') stacks.push(found as readonly string[]);
  });
  return stacks;
}

/** Functions that give values and weights new names. Left out: names stay. */
export interface Renaming {
  readonly value?: (name: string) => string;
  readonly weight?: (name: string) => string;
}

/** `from` with the names in its fields replaced. */
export function renamed<T extends object>(fields: Fields, from: T, by: Renaming): T {
  const copy = { ...from } as Record<string, unknown>;
  const { value: ofValue = same, weight: ofWeight = same } = by;
  for (const [key, of] of Object.entries(fields)) {
    const found = copy[key];
    if (found === undefined || found === null) continue;
    if (of.kind === 'value') copy[key] = ofValue(found as string);
    if (of.kind === 'values') copy[key] = (found as readonly string[]).map(ofValue);
    if (of.kind === 'weight') copy[key] = ofWeight(found as string);
    if (of.kind === 'weights') copy[key] = (found as readonly string[]).map(ofWeight);
    if (of.kind === 'object') copy[key] = renamed(of.fields, found, by);
    if (of.kind === 'objects') {
      copy[key] = (found as readonly object[]).map((one) => renamed(of.fields, one, by));
    }
  }
  return copy as T;
}

function same(name: string): string {
  return name;
}

/**
 * The content of the fields without names: a name becomes '', a list of names its length. Numbers are rounded to six digits,
 * because a float32 from a file has no more. `training` false: without the fields that matter only in training.
 */
export function withoutNames(
  fields: Fields,
  from: object,
  options: { readonly training: boolean },
): Plain {
  const said: Record<string, unknown> = {};
  for (const [key, of] of Object.entries(fields)) {
    if (of.storage || (of.training && !options.training)) continue;
    const found = (from as Plain)[key];
    if (found === undefined || found === null) said[key] = null;
    else if (of.kind === 'value' || of.kind === 'weight') said[key] = '';
    else if (of.kind === 'values' || of.kind === 'weights') {
      said[key] = (found as readonly string[]).length;
    } else if (of.kind === 'object') said[key] = withoutNames(of.fields, found, options);
    else if (of.kind === 'objects') {
      said[key] = (found as readonly object[]).map((one) => withoutNames(of.fields, one, options));
    } else if (typeof found === 'number') said[key] = Number(found.toPrecision(6));
    else said[key] = found;
  }
  return said;
}
