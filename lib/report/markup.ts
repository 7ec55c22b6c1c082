/**
 * HTML with escaping by default: the `html` template escapes every value that is not Markup itself.
 *
 * The rule: text from users reaches the page through this template only; `trusted` is for our own SVG and CSS.
 */

/** A piece of finished HTML. */
export class Markup {
  constructor(readonly text: string) {}
}

export type Insertable = Markup | string | number | null | readonly Insertable[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Characters that XML and HTML do not allow at all, lone surrogates, and characters that change the order in which the text
 * around them is shown. They become U+FFFD.
 */
const FORBIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be found
  /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\u202A-\u202E\u2066-\u2069\uFFFE\uFFFF]|\p{Surrogate}/gu;

/** Replaces characters that a page must not contain. */
export function withoutForbidden(text: string): string {
  return text.replace(FORBIDDEN, '\uFFFD');
}

/** Text made safe for element content and quoted attributes. */
export function escapeHtml(text: string): string {
  return withoutForbidden(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

/** Marks text as finished HTML, without any check. */
export function trusted(text: string): Markup {
  return new Markup(text);
}

function insert(value: Insertable): string {
  if (value === null) return '';
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(insert).join('');
  return escapeHtml(String(value));
}

/** Makes Markup from a template: values are escaped, lists concatenated, and null left out. */
export function html(parts: TemplateStringsArray, ...values: readonly Insertable[]): Markup {
  const texts = parts.map((part, i) => (i === 0 ? part : insert(values[i - 1] ?? null) + part));
  return new Markup(texts.join(''));
}
