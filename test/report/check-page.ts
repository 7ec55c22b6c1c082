/**
 * What every page of a report must be: well-formed, without references, with ids that are unique and found.
 *
 * The rule: structure is checked on the text itself, by a strict tag walker, not by a forgiving parser.
 */
import { expect } from 'vitest';

const VOID = new Set(['meta', '!doctype']);

/** Walks all tags; returns the first problem: a tag that closes another one, or an attribute without quotes. */
export function structureProblem(page: string): string | null {
  const open: string[] = [];
  const body = page.replace(/<style>[\s\S]*?<\/style>/g, '');
  for (const [tag, slash, name = '', rest = ''] of body.matchAll(
    /<(\/?)([!a-zA-Z]\w*)([^<>]*)>/g,
  )) {
    if (slash) {
      const last = open.pop();
      if (last !== name) return `${tag} closes <${last}>`;
    } else {
      const attributes = rest.replace(/\/$/, '');
      if (!/^(?:\s+[\w:-]+(?:="[^"]*")?)*\s*$/.test(attributes)) return `bad attributes in ${tag}`;
      if (!VOID.has(name.toLowerCase()) && !rest.endsWith('/')) open.push(name);
    }
  }
  const stray = /[<>]/.exec(body.replace(/<\/?[!a-zA-Z]\w*[^<>]*>/g, ''));
  if (stray) return `stray ${stray[0]} at ${stray.index}`;
  return open.length > 0 ? `<${open.at(-1)}> is never closed` : null;
}

export function checkPage(page: string): void {
  expect(structureProblem(page)).toBeNull();
  expect(page).not.toMatch(/undefined|NaN|\[object |Infinity/);
  const references = page.replaceAll('xmlns="http://www.w3.org/2000/svg"', '');
  expect(references).not.toMatch(
    /https?:|\/\/[a-z]|<script|<link|<iframe|<img|@import|url\((?!#)/i,
  );
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, list = ''] of page.matchAll(/aria-labelledby="([^"]*)"/g)) {
    for (const id of list.split(' ')) expect(ids).toContain(id);
  }
  for (const [, id] of page.matchAll(/(?:href="|url\()#([\w-]+)/g)) expect(ids).toContain(id);
}
