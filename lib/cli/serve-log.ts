/**
 * Log lines of `sinter serve`: JSON as it comes, or on a terminal one short line for each.
 *
 * The rule: what comes from a request is shown with control characters made visible.
 */
import { formatNumber, printable, type TextSink } from './output.js';
import { type Style, screenOf, styled } from './screen.js';

/** A line of the log, as pino writes it. */
interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg?: string;
  readonly status?: number;
  readonly route?: string;
  readonly model?: string | null;
  readonly key?: string;
  readonly texts?: number;
  readonly tokens?: number;
  readonly totalMs?: number;
  readonly failure?: string;
  readonly error?: string;
  readonly inputs?: unknown;
  readonly err?: { readonly stack?: string };
}

const WARNING = 40;
const ERROR = 50;

/** Writes JSON lines to `sink`, in short form if `isShort`. */
export function logSink(sink: TextSink, isShort: boolean): { write(line: string): void } {
  const screen = screenOf(sink);
  return {
    write(line) {
      if (!isShort) {
        sink.write(line);
        return;
      }
      const entry = JSON.parse(line) as LogLine;
      sink.write(`${styled(shortLine(entry), styleOf(entry.level), screen)}\n`);
    },
  };
}

function styleOf(level: number): Style | undefined {
  if (level >= ERROR) return 'error';
  return level >= WARNING ? 'warning' : undefined;
}

/** `12:30:01 200 /v1/embeddings minilm 3 texts 41 tokens 5.1 ms`. */
export function shortLine(entry: LogLine): string {
  const time = new Date(entry.time).toTimeString().slice(0, 8);
  const { status, route, msg = '', error, err } = entry;
  if (status === undefined || route === undefined) {
    return `${time} ${printable([msg, err?.stack].filter(Boolean).join(': '))}`;
  }
  const { model, key, texts, tokens, totalMs = 0, failure, inputs } = entry;
  const parts = [
    ...[time, String(status), route, model, key, failure],
    texts === undefined ? '' : `${formatNumber(texts)} ${texts === 1 ? 'text' : 'texts'}`,
    tokens === undefined ? '' : `${formatNumber(tokens)} tokens`,
    `${totalMs.toFixed(1)} ms`,
    inputs === undefined ? '' : JSON.stringify(inputs),
    error,
  ];
  return printable(
    parts.filter((part) => part !== undefined && part !== null && part !== '').join(' '),
  );
}
