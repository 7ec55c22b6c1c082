/**
 * JSON Schemas whose TypeScript type follows from them: `object({ query: text('...') }, { topN: count('...') })`.
 *
 * The rule: a schema is written once. Requests are checked with it (check.ts), handlers get its type, and the OpenAPI document
 * shows it. Only the keywords below exist, because check.ts honours each of them.
 */

/** The keywords of JSON Schema 2020-12 in use. */
export interface JsonSchema {
  readonly type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object' | 'null';
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  /** false: no other property; a schema: of the values of all other properties. */
  readonly additionalProperties?: JsonSchema | false;
  /** Shown in the documents, never checked. */
  readonly examples?: readonly unknown[];
}

declare const VALUE: unique symbol;

/** A schema of values of type T, which exists for the compiler only. */
export type Schema<T> = JsonSchema & { readonly [VALUE]?: T };

/** The type of the values of a schema. */
export type ValueOf<S> = S extends { readonly [VALUE]?: infer T } ? T : never;

type Properties = Readonly<Record<string, JsonSchema>>;
type ObjectOf<R extends Properties, O extends Properties> = {
  readonly [K in keyof R]: ValueOf<R[K]>;
} & { readonly [K in keyof O]?: ValueOf<O[K]> };

/** A description, unless it is empty: where a field's name says all. */
const described = (description: string): JsonSchema => (description === '' ? {} : { description });

export function text(description = '', limits: JsonSchema = {}): Schema<string> {
  return { type: 'string', ...described(description), ...limits };
}

export function flag(description = '', fallback?: boolean): Schema<boolean> {
  const rest = fallback === undefined ? {} : { default: fallback };
  return { type: 'boolean', ...described(description), ...rest };
}

/** A whole number. `limits`: minimum, maximum, default. */
export function count(description = '', limits: JsonSchema = {}): Schema<number> {
  return { type: 'integer', ...described(description), ...limits };
}

export function number(description = '', limits: JsonSchema = {}): Schema<number> {
  return { type: 'number', ...described(description), ...limits };
}

/** One of some words. */
export function choice<const C extends string>(
  description: string,
  choices: readonly C[],
  fallback?: C,
): Schema<C> {
  const rest = fallback === undefined ? {} : { default: fallback };
  return { type: 'string', enum: choices, ...described(description), ...rest };
}

export function list<T>(items: Schema<T>, limits: JsonSchema = {}): Schema<readonly T[]> {
  return { type: 'array', ...limits, items };
}

export function pair<T>(items: Schema<T>, description: string): Schema<readonly [T, T]> {
  return { type: 'array', description, items, minItems: 2, maxItems: 2 };
}

/** A value of any of the schemas; the more usual ones first. */
export function anyOf<S extends readonly JsonSchema[]>(
  description: string,
  ...schemas: S
): Schema<ValueOf<S[number]>> {
  return { description, anyOf: schemas };
}

/** Values by names that the schema does not know. */
export function record<T>(values: Schema<T>, description: string): Schema<Record<string, T>> {
  return { type: 'object', description, additionalProperties: values };
}

/** null or a value of the schema. */
export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return { anyOf: [schema, { type: 'null' }] };
}

/** An object with these properties and no others. */
export function object<R extends Properties, O extends Properties = Record<never, never>>(
  required: R,
  optional?: O,
  extra: Pick<JsonSchema, 'description' | 'examples'> = {},
): Schema<ObjectOf<R, O>> {
  return {
    type: 'object',
    ...extra,
    properties: { ...required, ...optional },
    required: Object.keys(required),
    additionalProperties: false,
  };
}
