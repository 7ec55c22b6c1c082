/**
 * Translates messages of the library to the command line: its options are flags here, its calls are commands.
 *
 * The rule: this table is the only place that knows both; test/cli/messages.test.ts finds messages that it misses.
 */
import type { ClassificationProblem } from '../graph/checkpoint.js';

/** Long flags that the command has: `--new-head`. */
export type Flags = ReadonlySet<string>;

const TASK_OF: Readonly<Record<ClassificationProblem, string>> = {
  single_label_classification: 'classification',
  multi_label_classification: 'multi-label',
  regression: 'regression',
};

/** `maxTokens` as `--max-tokens`. */
export function flagOf(option: string): string {
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** Call names that begin a message; they are dropped, because the user called a command. */
const CALLS =
  /^(?:(?:Encoder|Classifier|CrossEncoder|TokenClassifier|QuestionAnswerer|MaskedLM|OnnxModel)\.load|load|train|evaluate|predict|score|answer|fill|embed|save|quantize|exportOnnx|exportOnnxFolder|saveAdapter|mergeAdapter|loadAdapter|createServer): /;

/** Options of lib/data, which names them between backticks or begins an argument mistake with one. */
const DATA_OPTIONS =
  'textColumn|pairColumn|labelColumn|labelNames|format|encoding|delimiter|onBadRows';

/** The flag of an option of lib/data. */
function dataFlag(option: string): string {
  return option === 'format' ? '--data-format' : flagOf(option);
}

/**
 * Replacements; at one place the first that matches wins. `newHead: true` on a command without that flag becomes advice to use
 * `train`.
 */
const WORDS: readonly (readonly [RegExp, (flags: Flags, ...groups: string[]) => string])[] = [
  [CALLS, () => ''],
  [/^path(?= must be )/, () => 'a data file'],
  [
    /^(lora|ia3|bottleneck|fewShot): (\w+)(?= must be )/,
    (_, method = '', option = '') => `${flagOf(method)}-${flagOf(option).slice(2)}`,
  ],
  [/^distillation: hiddenStates/, () => '--hidden-states'],
  [/^distillation: relations: relationHeads/, () => '--relation-heads'],
  [/^distillation: relations(?:: kinds)?/, () => '--relations'],
  [/^distillation: (\w+)(?= must be )/, (_, option = '') => flagOf(option)],
  [/^distillation: /, () => ''],
  [/^method(?= must be )/, () => '--method'],
  [/mergeAdapter\(folder\), or (?=`sinter convert)/g, () => ''],
  [
    new RegExp(`^(${DATA_OPTIONS})(?= must be )|\`(${DATA_OPTIONS})\``, 'g'),
    (_, option = '') => dataFlag(option),
  ],
  [
    /give labels to add a new one(?:, or newHead: true to a CrossEncoder)?/g,
    () => '`sinter train` adds one',
  ],
  [/\bgive download: true, or run\b/g, () => 'run'],
  [/\bpass overwrite: true\b/g, (flags) => (flags.has('--overwrite') ? 'give --overwrite' : '')],
  [/\(or \)/g, () => ''],
  [/\bpooling: ((?:'\w+'(?:, )?)+)/g, (_, kinds = '') => `--pooling ${kinds.replaceAll("'", '')}`],
  [
    /\bproblem: '(\w+)'/g,
    (_, problem = '') => `--task ${TASK_OF[problem as ClassificationProblem] ?? problem}`,
  ],
  [/\bload it as a Classifier\b/g, () => 'it is a classifier'],
  [/\blanes(?= must be)/g, () => '--threads'],
  [/^exclude(?:\[\d+\])?(?= must be)/, () => '--exclude'],
  [/^freeze(?:\[\d+\])?(?= must be|: | leaves)/, () => '--freeze'],
  [
    /^(scale|margin|distance|dimensions)(?= must be)/,
    (flags, option = '') => (flags.has(flagOf(option)) ? flagOf(option) : option),
  ],
  [
    /\b([a-z]+(?:[A-Z][a-z]+)*): true\b/g,
    (flags, option = '') => {
      const flag = flagOf(option);
      if (flags.has(flag)) return flag;
      return flag === '--new-head' ? '`sinter train --new-head`' : flag;
    },
  ],
  [
    /\b([a-z]+(?:[A-Z][a-z]+)+)(?= must be)/g,
    (flags, option = '') => (flags.has(flagOf(option)) ? flagOf(option) : option),
  ],
];

/** The message in the words of the command line. */
export function inFlags(message: string, flags: Flags): string {
  return WORDS.reduce(
    (text, [pattern, word]) =>
      text.replace(pattern, (_, ...rest: unknown[]) =>
        word(flags, ...rest.filter((one): one is string => typeof one === 'string')),
      ),
    message,
  );
}
