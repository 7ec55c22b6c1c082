/**
 * What the library calls an option is what the command line calls a flag: in messages for people it is the flag.
 *
 * The rule: the library writes names of its options between backticks, or begins an argument mistake with one.
 */

const FLAGS: Readonly<Record<string, string>> = {
  textColumn: '--text-column',
  pairColumn: '--pair-column',
  labelColumn: '--label-column',
  labelNames: '--label-names',
  format: '--data-format',
  encoding: '--encoding',
  delimiter: '--delimiter',
  onBadRows: '--on-bad-rows',
};
const NAMES = Object.keys(FLAGS).join('|');
const IN_TEXT = new RegExp(`\`(${NAMES})\``, 'g');
const OF_MISTAKE = new RegExp(`^(${NAMES})(?= must be )`);

/** A message of lib/data with flags instead of names of options. */
export function withFlags(message: string): string {
  return message
    .replace(/^path(?= must be )/, 'a data file')
    .replace(OF_MISTAKE, (name) => FLAGS[name] ?? name)
    .replace(IN_TEXT, (_, name: string) => FLAGS[name] ?? name);
}
