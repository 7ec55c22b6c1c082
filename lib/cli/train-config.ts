/**
 * `sinter train --config FILE`: a file that says the flags, by the names of options here or of TrainingArguments.
 *
 * The rule: a flag on the command line counts more than the file, and a value of the file is checked as the flag's is.
 */
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { configError } from '../config/index.js';
import {
  type ConfiguredOption,
  configuredOptions,
  withoutIdleSteps,
} from '../config/train-config.js';
import { show } from '../core/errors.js';

/** Options of the library without a flag of their name. */
const WITHOUT_FLAG = ['lora', 'ia3', 'bottleneck', 'fewShot'] as const;
/** Flags of this call of the program, which a file does not say. */
const OF_CALL: ReadonlySet<string> = new Set(['config', 'json', 'quiet', 'help']);

export function withConfig(command: Command): Command {
  return command.option('--config <file>', 'YAML or JSON with flags or TrainingArguments');
}

/** The options of the command with those of its file; `needed` are flags that one of both must give. */
export async function withConfigFile<T extends { readonly config?: string }>(
  command: Command,
  needed: readonly (keyof T & string)[],
): Promise<T> {
  const path = command.opts<T>().config;
  if (path !== undefined) await readFileInto(command, path);
  for (const name of needed) {
    if (command.getOptionValue(name) !== undefined) continue;
    const flags = command.options.find((one) => one.attributeName() === name)?.flags;
    const code = 'commander.missingMandatoryOptionValue';
    command.error(`error: required option '${flags}' not specified`, { code });
  }
  return command.opts<T>();
}

async function readFileInto(command: Command, path: string): Promise<void> {
  const flags = new Map(command.options.map((option) => [option.attributeName(), option]));
  const names = [...flags.keys(), ...WITHOUT_FLAG].filter((name) => !OF_CALL.has(name));
  const found = await configuredOptions(path, new Set(names));
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  // Rows for evaluation from a flag take the place of those from the file.
  const isHeld = isGiven('eval') || isGiven('holdOut');
  const own = found.filter(
    ({ name }) => !isGiven(name) && !(isHeld && (name === 'eval' || name === 'holdOut')),
  );
  for (const option of own) {
    const { name, key, line } = option;
    const flag = flags.get(name);
    try {
      command.setOptionValueWithSource(
        name,
        flag ? flagValue(flag, option) : option.value,
        'config',
      );
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      const what = error.message.replace(/^It must/, 'must').replace(/\.$/, '');
      const shown = JSON.stringify(option.value);
      throw configError(path, line, `${show(key)} ${what}, got ${shown}`);
    }
  }
  const [both] = own.filter(({ name }) => name === 'holdOut');
  if (both !== undefined && own.some(({ name }) => name === 'eval'))
    throw configError(path, both.line, `${show(both.key)} must be left out beside eval`);
  if (!('loggingSteps' in withoutIdleSteps(command.opts())) && !isGiven('loggingSteps'))
    command.setOptionValueWithSource('loggingSteps', undefined, 'config');
}

/** The value of a flag. Texts and numbers are read as on the command line; lists and maps are as the library takes them. */
function flagValue(flag: Option, { value }: ConfiguredOption): unknown {
  if (flag.isBoolean() || flag.negate) {
    if (typeof value !== 'boolean') throw new InvalidArgumentError('It must be true or false.');
    // A switch that is off is as one that was not given, but for the one that has no default.
    return value || flag.negate || flag.attributeName() === 'greaterIsBetter' ? value : undefined;
  }
  if (typeof value === 'object') return value;
  if (flag.argChoices?.includes(String(value)) === false)
    throw new InvalidArgumentError(`It must be one of ${flag.argChoices.join(', ')}.`);
  return flag.parseArg ? flag.parseArg(String(value), undefined) : String(value);
}
