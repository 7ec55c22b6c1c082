// Links of the documentation: they lead to files of the package and to headings that exist, on a code host as in node_modules.
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packedFiles } from './packed.js';
import { repository } from './scratch.js';

/** Text without its blocks of code, in which neither links nor headings stand. */
function withoutCode(text: string): string {
  return text.replaceAll(/^( *)(```+)[\s\S]*?^\1\2`*$/gm, '');
}

/** Targets of the links and images of a Markdown file that are not on another site. */
function linksOf(text: string): string[] {
  const found = withoutCode(text).matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g);
  const targets = [...found].map((match) => match[1] ?? match[2] ?? '');
  return targets.filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

/**
 * The anchors of a file: those that code hosts give to headings (letters, digits, - and _ in lower case, and a number from the
 * second on), and those that it has itself.
 */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const counts = new Map<string, number>();
  for (const [, heading = ''] of withoutCode(text).matchAll(/^#{1,6} +(.+?) *$/gm)) {
    const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain.replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '').replaceAll(' ', '-');
    const count = counts.get(anchor) ?? 0;
    counts.set(anchor, count + 1);
    anchors.add(count === 0 ? anchor : `${anchor}-${count}`);
  }
  for (const [, id = ''] of text.matchAll(/<a id="([^"]+)">/g)) anchors.add(id);
  return anchors;
}

const files = packedFiles();
const documents = files.filter((path) => path.endsWith('.md'));
const textOf = (path: string) => readFileSync(join(repository, path), 'utf8');

/** What is wrong with a link of `path`; undefined for a good one. */
function faultOf(path: string, link: string): string | undefined {
  const [name = '', anchor] = link.split('#', 2);
  const target = name === '' ? path : posix.join(posix.dirname(path), name);
  if (!files.includes(target)) return `${path}: ${link} is not in the package`;
  if (anchor === undefined) return undefined;
  const known = anchorsOf(textOf(target)).has(decodeURIComponent(anchor));
  return known ? undefined : `${path}: ${link} is no heading`;
}

describe('the documentation of the package', () => {
  it('has the pages that a reader begins with', () => {
    const first = ['README.md', 'README.zh-CN.md', 'docs/guide/cli.md', 'docs/api/README.md'];
    expect(first.filter((path) => !documents.includes(path))).toEqual([]);
  });

  it('links to files of the package and to headings that exist', () => {
    const faults = documents.flatMap((path) =>
      linksOf(textOf(path)).flatMap((link) => faultOf(path, link) ?? []),
    );
    expect(faults).toEqual([]);
  });

  it('would see a wrong file, a file that is not packed, and a wrong heading', () => {
    expect(faultOf('README.md', 'docs/nothing.md')).toContain('not in the package');
    expect(faultOf('README.md', 'test/projects.ts')).toContain('not in the package');
    expect(faultOf('README.md', '#no-such-heading')).toContain('no heading');
    expect(faultOf('README.md', 'docs/guide/cli.md#exit-codes')).toBeUndefined();
  });

  it('leads every guide from the README in both languages', () => {
    const guides = documents.filter((path) => path.startsWith('docs/guide/'));
    for (const readme of ['README.md', 'README.zh-CN.md']) {
      const links = linksOf(textOf(readme)).map((link) => link.replace(/#.*$/, ''));
      expect(guides.filter((path) => !links.includes(path))).toEqual([]);
    }
  });
});
