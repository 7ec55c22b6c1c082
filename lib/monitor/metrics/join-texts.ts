/**
 * The metrics of several processes as one text, each sample with the label `process`.
 *
 * The rule: nothing is added up here, because gauges such as a version or a delay have no sum; whoever asks sums over `process`.
 */
import { headLines, sampleLine } from './text-format.js';

const HEAD = /^# (?:HELP|TYPE) (\S+) /;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{)?/;

/** A process and its text; null for one that did not answer. */
export interface ProcessText {
  readonly process: string;
  readonly text: string | null;
  /** How often it was started again. */
  readonly restarts: number;
}

interface Family {
  readonly head: string[];
  readonly samples: string[];
}

/** One text in format 0.0.4: each metric once, with the samples of all processes, then which of them answered. */
export function joinMetricTexts(parts: readonly ProcessText[]): string {
  const families = new Map<string, Family>();
  for (const { process, text } of parts) addText(families, process, text ?? '');
  const joined = Array.from(families.values(), ({ head, samples }) => [...head, ...samples]);
  return joined.flat().join('') + stateOf(parts);
}

function addText(families: Map<string, Family>, process: string, text: string): void {
  let family: Family | undefined;
  let isFirst = false;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, name] = HEAD.exec(line) ?? [];
    if (name === undefined) {
      family?.samples.push(`${labelled(line, process)}\n`);
      continue;
    }
    if (!families.has(name)) {
      family = { head: [], samples: [] };
      families.set(name, family);
      isFirst = true;
    } else if (families.get(name) !== family) {
      family = families.get(name);
      isFirst = false;
    }
    if (isFirst) family?.head.push(`${line}\n`);
  }
}

const labelled = (line: string, process: string): string =>
  line.replace(SAMPLE, (_, name: string, brace?: string) =>
    brace === undefined ? `${name}{process="${process}"}` : `${name}{process="${process}",`,
  );

function stateOf(parts: readonly ProcessText[]): string {
  const family = (
    name: string,
    help: string,
    type: string,
    of: (part: ProcessText) => number,
  ): string => {
    const samples = parts.map((part) => sampleLine(name, [['process', part.process]], of(part)));
    return headLines(name, help, type) + samples.join('');
  };
  return (
    family(
      'sinter_process_up',
      'Whether the process answered; one that did not has no samples here.',
      'gauge',
      ({ text }) => (text === null ? 0 : 1),
    ) +
    family(
      'sinter_process_restarts_total',
      'How often a process that ended by itself was started again.',
      'counter',
      ({ restarts }) => restarts,
    )
  );
}
