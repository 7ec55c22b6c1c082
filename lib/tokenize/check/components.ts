/**
 * Checks the components of a tokenizer.json, which are objects with a type or sequences of them, against a table.
 *
 * All components share one budget: their number, and how much longer they make a text.
 */

import type { JsonObject, JsonValue } from '../../core/json.js';
import { checkFields, type Fields } from './fields.js';
import type { JsonPlace } from './place.js';

/** Most components of one tokenizer. */
const MAX_COMPONENTS = 64;
const MAX_DEPTH = 8;
/** How many times longer a text may get on its way to the model; published tokenizers stay below 60. */
const MAX_GROWTH = 64;

export interface Component<B extends CheckBudget> {
  readonly fields: Fields;
  /** How many times longer the component can make a text; 1 by default. */
  readonly growth?: number;
  /** Name of the field that holds the components of a sequence. */
  readonly parts?: string;
  /** Checks that involve several fields at once. */
  readonly check?: (object: JsonObject, at: JsonPlace, budget: B) => void;
}

export class CheckBudget {
  /** How many times longer a text can be when it reaches the model. */
  growth = 1;
  /** Whether a pattern may backtrack over the whole length of a text. */
  stepsBack = false;
  private components = 0;

  count(at: JsonPlace): void {
    this.components++;
    if (this.components > MAX_COMPONENTS)
      throw at.unsupported(`among the first ${MAX_COMPONENTS} components`, this.components);
  }

  grow(factor: number, at: JsonPlace): void {
    this.growth *= Math.max(1, factor);
    if (this.growth <= MAX_GROWTH) return;
    throw at.error(
      'UNSUPPORTED_MODEL',
      `must not make a text more than ${MAX_GROWTH} times longer, with all before it, got ${Math.ceil(this.growth)}`,
    );
  }
}

export interface ComponentFamily<B extends CheckBudget> {
  readonly table: Readonly<Record<string, Component<B>>>;
  readonly budget: B;
}

export function checkComponent<B extends CheckBudget>(
  value: JsonValue | undefined,
  at: JsonPlace,
  family: ComponentFamily<B>,
  depth = 0,
): void {
  const { table, budget } = family;
  const object = at.object(value);
  const { type } = object;
  if (typeof type !== 'string') throw at.at('type').corrupt('a text', type);
  const component = Object.hasOwn(table, type) ? table[type] : undefined;
  if (component === undefined) {
    throw at.at('type').unsupported(Object.keys(table).join(' or '), type);
  }
  budget.count(at);
  checkFields(object, component.fields, at);
  if (component.growth !== undefined) budget.grow(component.growth, at);
  component.check?.(object, at, budget);
  if (component.parts === undefined) return;
  if (depth === MAX_DEPTH) throw at.unsupported(`at most ${MAX_DEPTH} sequences deep`, type);
  const place = at.at(component.parts);
  for (const [i, part] of place.list(object[component.parts], MAX_COMPONENTS).entries()) {
    checkComponent(part, place.at(i), family, depth + 1);
  }
}
