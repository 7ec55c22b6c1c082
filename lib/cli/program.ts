/**
 * Assembles the command line: the list of commands and what they have in common.
 *
 * The rule: a command is one file in commands/ that adds itself to the program; it does nothing before its action runs.
 */
import { Command, Help, type OutputConfiguration } from 'commander';
import { packageVersion } from '../core/package-files.js';
import { addAudit } from './commands/audit.js';
import { addBaseline } from './commands/baseline.js';
import { addBench } from './commands/bench.js';
import { addCheck } from './commands/check.js';
import { addCollect } from './commands/collect.js';
import { addCompress } from './commands/compress.js';
import { addConvert } from './commands/convert.js';
import { addEmbed } from './commands/embed.js';
import { addEnqueue } from './commands/enqueue.js';
import { addEvaluate } from './commands/evaluate.js';
import { addInfo } from './commands/info.js';
import { addInspect } from './commands/inspect.js';
import { addPredict } from './commands/predict.js';
import { addPull } from './commands/pull.js';
import { addQuantize } from './commands/quantize.js';
import { addQuickstart } from './commands/quickstart.js';
import { addReport } from './commands/report.js';
import { addServe } from './commands/serve.js';
import { addTrain } from './commands/train.js';
import { addWorker } from './commands/worker.js';
import type { Surroundings } from './context.js';
import { EXIT_CODE_HELP } from './exit-codes.js';
import { fitHelp } from './help-text.js';
import { printableLines } from './output.js';
import { screenOf, styled } from './screen.js';

/** Columns from which help wraps what an option means, beside its name. */
const LEAST_COLUMNS = 16;

/** The commands in the order of --help. */
const COMMANDS: readonly ((program: Command, surroundings: Surroundings) => void)[] = [
  addQuickstart,
  addEmbed,
  addCheck,
  addTrain,
  addPredict,
  addServe,
  addWorker,
  addEnqueue,
  addCollect,
  addBaseline,
  addAudit,
  addEvaluate,
  addReport,
  addCompress,
  addQuantize,
  addConvert,
  addInspect,
  addPull,
  addBench,
  addInfo,
];

/** The program, ready to parse. It throws what a command throws, and CommanderError where it has printed already. */
export function createProgram(surroundings: Surroundings): Command {
  const out = screenOf(surroundings.stdout);
  const program = new Command('sinter')
    .description(
      'Fine-tune, compress and run BERT-family text models on the CPU, with no Python.\n' +
        'Without --model, commands use the embedded all-MiniLM-L6-v2.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureOutput(outputOf(surroundings))
    .configureHelp({
      showGlobalOptions: false,
      minWidthToWrap: LEAST_COLUMNS,
      styleTitle: (text) => styled(text, 'heading', out),
      formatItem: helpItem,
    })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  $ sinter quickstart
  $ sinter embed "a red car" "a fast car" --out vectors.npy
  $ sinter check train.csv
  $ sinter train --train train.csv --eval test.csv --out my-model --quantize
  $ sinter predict --model my-model "some text"
  $ sinter evaluate --model my-model --data test.csv

${EXIT_CODE_HELP}`,
    );
  for (const add of COMMANDS) add(program, surroundings);
  for (const command of program.commands) {
    command.showHelpAfterError(`(see: sinter ${command.name()} --help)`);
  }
  program.showHelpAfterError('(see: sinter --help)');
  return program;
}

/** Columns that a description needs beside its option. */
const BESIDE_COLUMNS = 36;

/** An option or a command with its description: beside it, or on a narrow screen on the lines below it. */
function helpItem(term: string, termWidth: number, description: string, helper: Help): string {
  const columns = helper.helpWidth ?? LEAST_COLUMNS;
  if (description === '' || columns - termWidth >= BESIDE_COLUMNS)
    return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
  const indent = ' '.repeat(6);
  const lines = helper.boxWrap(description, columns - indent.length).split('\n');
  return [`  ${term}`, ...lines.map((line) => indent + line)].join('\n');
}

/** Help fits the screen and has its colours; messages repeat arguments, whose control characters are made visible. */
function outputOf({ stdout, stderr }: Surroundings): OutputConfiguration {
  const [out, err] = [screenOf(stdout), screenOf(stderr)];
  return {
    writeOut: (text) => void stdout.write(fitHelp(text, out)),
    writeErr: (text) => void stderr.write(printableLines(text)),
    outputError: (text) => {
      const [, first = '', rest = ''] = /^(error:)?(.*)$/s.exec(printableLines(text)) ?? [];
      void stderr.write(styled(first, 'error', err) + rest);
    },
    getOutHelpWidth: () => out.columns,
    getErrHelpWidth: () => err.columns,
    getOutHasColors: () => out.hasColours,
    getErrHasColors: () => false,
  };
}

/** The long flags of a command; none without a name. */
export function flagsOf(program: Command, name: string | undefined): ReadonlySet<string> {
  const command = program.commands.find((one) => one.name() === name);
  return new Set(command?.options.flatMap(({ long }) => (long === undefined ? [] : [long])));
}
