/** `sinter audit verify`: whether the lines of an audit log are as the server wrote them. */
import { Argument, type Command } from 'commander';
import { SinterError } from '../../core/errors.js';
import { formatNumber } from '../../core/units.js';
import { type AuditVerification, verifyFiles } from '../../monitor/index.js';
import { given, withCommon } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';

interface AuditOptions extends CommonOptions {
  readonly head?: string;
}

/** Where the key of the hashes is read from: a flag would be seen by every process of the machine. */
const KEY = 'SINTER_AUDIT_KEY';

export function addAudit(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('audit')
    .summary('verify the audit log of a server')
    .description(
      'Verifies an audit log of `sinter serve`: every line has its hash and follows the line before it, through all files. Names the ' +
        `first line that does not. The key of the hashes, if there is one, is read from the variable ${KEY}.`,
    )
    .addArgument(new Argument('<action>', 'what to do').choices(['verify']))
    .argument('<files...>', 'files of the log in their order, or its folder')
    .option('--head <hash>', 'hash of a line that must be there, to find lines cut off at the end')
    .addHelpText('after', '\nExamples:\n  $ sinter audit verify audit\n')
    .action((_: string, files: readonly string[], options: AuditOptions) =>
      verify(files, options, surroundings),
    );
  withCommon(command);
}

async function verify(
  files: readonly string[],
  options: AuditOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const { head } = options;
  const key = process.env[KEY] || undefined;
  const found = await verifyFiles(files, given({ head, key }));
  out.json(found);
  for (const note of found.notes) out.warn(`note: ${note}`);
  const { broken } = found;
  if (broken !== null) {
    const place = broken.file === '' ? '' : `${broken.file}:${broken.line}: `;
    throw new SinterError('INVALID_DATA', `${place}${broken.what}`, {
      details: { file: broken.file, line: broken.line },
    });
  }
  out.facts(factsOf(found));
  out.say('the log is as it was written');
}

function factsOf({ files, lines, requests, head }: AuditVerification): [string, string][] {
  return [
    ['files', formatNumber(files)],
    ['lines', formatNumber(lines)],
    ['requests', formatNumber(requests)],
    ['last line', head === null ? 'none' : `${head.seq}, ${head.hash}`],
  ];
}
