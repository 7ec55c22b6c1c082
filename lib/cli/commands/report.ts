/**
 * `sinter report`: trainings that are over, side by side on one page, from the training.json in their folders.
 */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { SinterError } from '../../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue, jsonObjectOf } from '../../core/json.js';
import { formatNumber } from '../../core/units.js';
import { aboutFile } from '../../files/index.js';
import type { RunData } from '../../report/index.js';
import { usageMistake, withCommon } from '../arguments.js';
import { type CommonOptions, Console, type Surroundings } from '../context.js';
import { checkReport, evaluationsOf, writeReport } from '../report-file.js';

interface ReportCommandOptions extends CommonOptions {
  readonly out: string;
}

export function addReport(program: Command, surroundings: Surroundings): void {
  const command = program
    .command('report')
    .summary('compare trainings on one HTML page')
    .description(
      'Draws the losses and scores of trainings over each other, and lists their settings that differ and how they ended. A ' +
        'run is a folder that `sinter train` wrote, or its training.json.',
    )
    .argument('<run...>', 'folders of trained models')
    .requiredOption('-o, --out <file>', 'HTML page to write')
    .addHelpText(
      'after',
      `
Examples:
  $ sinter report model-a model-b --out compare.html
`,
    )
    .action((paths: readonly string[], options: ReportCommandOptions) =>
      report(paths, options, surroundings),
    );
  withCommon(command);
}

async function report(
  paths: readonly string[],
  options: ReportCommandOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  await checkReport({ report: options.out }, paths);
  const names = namesOf(paths);
  const runs = await Promise.all(paths.map((path, i) => runOf(path, names[i] ?? path)));
  const [first] = runs;
  const isOne = runs.length === 1 && first !== undefined;
  const data = isOne
    ? { title: `Training of ${first.name}`, loss: first }
    : { title: `${runs.length} trainings`, subtitle: names.join(', '), runs };
  const { args } = surroundings;
  await writeReport({ report: options.out }, data, { args, out });
  const ends = runs.map(({ name, steps, evaluations }) => ({
    ...{ name, steps: steps.length, scores: evaluations.at(-1) ?? null },
  }));
  out.json({ report: options.out, runs: ends });
  for (const { name, steps } of ends) out.print(`${name}: ${formatNumber(steps)} steps\n`);
}

/** The last parts of the paths, as many as it takes for them to differ. */
function namesOf(paths: readonly string[]): string[] {
  const folders = paths.map((path) => resolve(path).replace(/[/\\]training\.json$/, ''));
  if (new Set(folders).size < folders.length)
    throw usageMistake('the runs must be different folders');
  for (let count = 1; ; count++) {
    const names = folders.map((folder) => folder.split(/[/\\]/).slice(-count).join('/'));
    if (new Set(names).size === names.length) return names;
  }
}

async function runOf(path: string, name: string): Promise<RunData> {
  const file = basename(path) === 'training.json' ? path : join(path, 'training.json');
  const text = await aboutFile(file, () => readFile(file, 'utf8'));
  const json = jsonObjectOf(text);
  const { steps, evaluations, settings, seconds, tokensPerSecond, best } = json ?? {};
  if (!areSteps(steps) || !Array.isArray(evaluations) || !isJsonObject(settings)) {
    const what = 'is no record of a training: it must hold steps, evaluations and settings';
    throw new SinterError('INVALID_DATA', `${file}: ${what}`, { details: { file } });
  }
  const { step } = isJsonObject(best) ? best : {};
  const { base, task } = json ?? {};
  return {
    name,
    steps: steps as unknown as RunData['steps'],
    evaluations: evaluationsOf({ evaluations: evaluations as never }),
    settings: { base, task, rows: json?.rows, ...settings },
    ...(typeof step === 'number' && { best: step }),
    ...(typeof seconds === 'number' && { seconds }),
    ...(typeof tokensPerSecond === 'number' && { tokensPerSecond }),
  };
}

function areSteps(steps: JsonValue | undefined): steps is JsonObject[] {
  const isStep = (one: JsonValue) =>
    isJsonObject(one) && typeof one.step === 'number' && typeof one.loss === 'number';
  return Array.isArray(steps) && steps.every(isStep);
}
