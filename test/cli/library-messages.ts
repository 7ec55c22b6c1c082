/** Texts in the sources of the library that tell a caller to give an option: what the command line has to translate. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface SourceText {
  /** File and line. */
  readonly at: string;
  readonly text: string;
}

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));
/** Inside a string or a template: `name: true`, or `name: '` that is followed by a value put in. */
const OPTION =
  /[`'"][^`"]*\b(?:[a-z]+(?:[A-Z][a-z]+)*): (?:true|false)\b[^`"]*[`'"]|give \w+: [^`]*`/;

export async function optionTexts(): Promise<SourceText[]> {
  const names = await readdir(LIB, { recursive: true });
  const found: SourceText[] = [];
  for (const name of names.sort()) {
    if (!name.endsWith('.ts') || name.startsWith('cli/')) continue;
    const lines = (await readFile(join(LIB, name), 'utf8')).split('\n');
    for (const [i, line] of lines.entries()) {
      if (/^\s*(?:\*|\/\/|\/\*)/.test(line)) continue;
      const text = OPTION.exec(line)?.[0];
      if (text === undefined || !/['`].*[a-z]{3,} .*: (?:true|'|\$)/.test(text)) continue;
      found.push({ at: `${name}:${i + 1}`, text: text.replace(/\$\{[^}]*\}/g, 'x') });
    }
  }
  return found;
}
