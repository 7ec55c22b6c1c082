/**
 * What a text must be before the tokenizer sees it.
 */

import { show, typeMistake } from '../core/errors.js';

/** Throws TypeError unless `text`, called `name`, is a well-formed string or a pair of them. */
export function checkText(name: string, text: unknown): void {
  const isPair = Array.isArray(text) && text.length === 2;
  const parts: readonly unknown[] = isPair ? text : [text];
  for (const [part, value] of parts.entries()) {
    const where = isPair ? `${name}[${part}]` : name;
    if (typeof value !== 'string') throw typeMistake(where, 'a string or a pair of strings', value);
    if (!value.isWellFormed()) {
      const lone = /\p{Cs}/u.exec(value) as RegExpExecArray;
      const unit = value.charCodeAt(lone.index).toString(16).toUpperCase();
      const found = `a lone surrogate U+${unit} at index ${lone.index}`;
      throw new TypeError(`${where} must be well-formed Unicode, got ${found} in ${show(value)}`);
    }
  }
}
