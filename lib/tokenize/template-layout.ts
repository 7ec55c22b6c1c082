/**
 * The layout of special tokens from a post-processor of tokenizer.json, without asking the `tokenizers` package.
 *
 * The rule: what is not known to be equal is null, and the package is asked.
 */

import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.js';
import { type Slot, TokenLayout } from './token-layout.js';

/** The layout around a text, or a pair; null where the package must be asked. */
export function layoutOf(
  { post_processor: processor }: JsonObject,
  pair: boolean,
): TokenLayout | null {
  if (!isJsonObject(processor)) return null;
  const slots =
    processor.type === 'TemplateProcessing'
      ? templateSlots(processor, pair)
      : processor.type === 'BertProcessing'
        ? bertSlots(processor, pair)
        : processor.type === 'RobertaProcessing'
          ? robertaSlots(processor, pair)
          : null;
  return slots === null ? null : new TokenLayout(slots);
}

function templateSlots(processor: JsonObject, pair: boolean): Slot[] | null {
  const { special_tokens: specials } = processor;
  const template: JsonValue | undefined = pair ? processor.pair : processor.single;
  if (!Array.isArray(template) || !isJsonObject(specials)) return null;
  const slots: Slot[] = [];
  for (const part of template as readonly JsonValue[]) {
    if (!isJsonObject(part)) return null;
    const found = partSlots(part, specials);
    if (found === null) return null;
    slots.push(...found);
  }
  const parts = slots.flatMap((slot) => ('part' in slot ? [slot.part] : []));
  return parts.join() === (pair ? '0,1' : '0') ? slots : null;
}

function partSlots(
  { SpecialToken: token, Sequence: text }: JsonObject,
  specials: JsonObject,
): Slot[] | null {
  const { id: name, type_id: segment } = (
    isJsonObject(token) ? token : isJsonObject(text) ? text : {}
  ) as JsonObject;
  if (typeof name !== 'string' || typeof segment !== 'number') return null;
  if (!isJsonObject(token)) {
    return name === 'A' || name === 'B' ? [{ part: name === 'A' ? 0 : 1, segment }] : null;
  }
  const special = Object.hasOwn(specials, name) ? specials[name] : null;
  const { ids } = isJsonObject(special) ? special : {};
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'number')) return null;
  return (ids as readonly number[]).map((id) => ({ id, segment }));
}

/** The ids of the tokens before a text and behind it. */
function endIds({ sep, cls }: JsonObject): readonly [number, number] | null {
  const [begin, end] = [cls, sep].map((token) => (Array.isArray(token) ? token[1] : null));
  return typeof begin === 'number' && typeof end === 'number' ? [begin, end] : null;
}

function bertSlots(processor: JsonObject, pair: boolean): Slot[] | null {
  const ids = endIds(processor);
  if (ids === null) return null;
  const [begin, end] = ids;
  const one: Slot[] = [
    { id: begin, segment: 0 },
    { part: 0, segment: 0 },
    { id: end, segment: 0 },
  ];
  return pair ? [...one, { part: 1, segment: 1 }, { id: end, segment: 1 }] : one;
}

/** Two separators between the texts of a pair, and one segment. */
function robertaSlots(processor: JsonObject, pair: boolean): Slot[] | null {
  const ids = endIds(processor);
  if (ids === null) return null;
  const [begin, end] = ids;
  const one: Slot[] = [
    { id: begin, segment: 0 },
    { part: 0, segment: 0 },
    { id: end, segment: 0 },
  ];
  const other: Slot[] = [
    { id: end, segment: 0 },
    { part: 1, segment: 0 },
    { id: end, segment: 0 },
  ];
  return pair ? [...one, ...other] : one;
}
