/**
 * The fields of a schema as rows: `inputs`, `parameters.truncate`, `results[].label`.
 *
 * The rule: a field that several forms have is listed once, with the first description there is.
 */
import { kindWord } from '../schemas/kind-words.js';
import type { JsonSchema } from '../schemas/schema.js';

export interface FieldRow {
  readonly name: string;
  readonly kind: string;
  readonly isRequired: boolean;
  readonly fallback: string;
  readonly description: string;
}

/** Rows for the fields inside a schema, from the outside in. */
export function fieldRows(schema: JsonSchema, prefix = ''): FieldRow[] {
  const rows = new Map<string, FieldRow>();
  const add = (row: FieldRow) => {
    const known = rows.get(row.name);
    if (known === undefined) rows.set(row.name, row);
    else if (known.description === '')
      rows.set(row.name, { ...known, description: row.description });
  };
  for (const form of schema.anyOf ?? []) for (const row of fieldRows(form, prefix)) add(row);
  if (schema.items !== undefined)
    for (const row of fieldRows(schema.items, `${prefix}[]`)) add(row);
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    add({
      name: path,
      kind: kindWord(field),
      isRequired: schema.required?.includes(name) ?? false,
      fallback: field.default === undefined ? '' : JSON.stringify(field.default),
      description: field.description ?? '',
    });
    for (const row of fieldRows(field, path)) add(row);
  }
  return [...rows.values()];
}
