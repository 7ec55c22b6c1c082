/**
 * Fits help to the screen where commander leaves lines as they are: examples and tables in prose.
 *
 * The rule: an example that takes several lines can still be pasted into a shell.
 */
import { type Screen, styled } from './screen.js';
import { displayWidth, wrapWords } from './width.js';

const EXAMPLE = /^( *)\$ (.*)$/;
/** A term, at least two spaces, and what it means. */
const TERM = /^( *\S+(?: \S+)* {2,})(\S.*)$/;
const TITLE = /^\S.*:$/;

/** The text with no line wider than the screen; titles that stand alone are headings. */
export function fitHelp(text: string, screen: Screen): string {
  const lines = text.split('\n').flatMap((line) => fitLine(line, screen.columns));
  return lines
    .map((line) => (TITLE.test(line) ? styled(line, 'heading', screen) : line))
    .join('\n');
}

function fitLine(line: string, columns: number): string[] {
  // Styled titles of commander are short; a control character would be counted as text.
  if (displayWidth(line) <= columns || line.includes('\u001b')) return [line];
  const [, before, command] = EXAMPLE.exec(line) ?? [];
  if (before !== undefined && command !== undefined) return exampleLines(before, command, columns);
  const [, term = /^ */.exec(line)?.[0] ?? '', meaning = line.trimStart()] = TERM.exec(line) ?? [];
  const room = columns - displayWidth(term);
  const [first = '', ...more] = wrapWords(meaning, room, false);
  return [term + first, ...more.map((part) => ' '.repeat(displayWidth(term)) + part)];
}

/** A space at which no line may end: within quotes, and between an option and its value. */
const JOINT = '\u00A0';

/** A command over several lines, each but the last ending in a backslash. */
function exampleLines(before: string, command: string, columns: number): string[] {
  const indent = `${before}    `;
  const joined = command
    .replace(/"[^"]*"/g, (quoted) => quoted.replaceAll(' ', JOINT))
    .replace(/(--?[a-z-]+) (?=[^-|<>])/g, `$1${JOINT}`);
  const lines = wrapWords(joined, columns - indent.length - ' \\'.length, false);
  return lines.map((line, i) => {
    const end = i < lines.length - 1 ? ' \\' : '';
    return `${i === 0 ? `${before}$ ` : indent}${line.replaceAll(JOINT, ' ')}${end}`;
  });
}
