/**
 * What a stream can show: how many columns, and whether colours.
 *
 * The rule: stdout and stderr are judged each for itself. A pipe or file gets no colours and nothing cut, unless the user asks
 * for it with FORCE_COLOR or COLUMNS.
 */
import type { TextSink } from './output.js';

/** How a piece of text is shown. */
export type Style = 'heading' | 'dim' | 'good' | 'bad' | 'warning' | 'error';

export interface Screen {
  /** Columns for text. */
  readonly columns: number;
  /** Whether long cells and words may be cut to fit. */
  readonly cuts: boolean;
  readonly hasColours: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const USUAL_COLUMNS = 80;
/** Codes of ECMA-48 that begin and end a style. */
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  heading: [1, 22],
  dim: [2, 22],
  good: [32, 39],
  bad: [31, 39],
  warning: [33, 39],
  error: [31, 39],
};

/** The screen behind a stream: COLUMNS counts first, then the terminal's own width, then 80. */
export function screenOf(stream: TextSink, env: Environment = process.env): Screen {
  const isTerminal = stream.isTTY === true;
  const asked = columnsAsked(env);
  return {
    columns: asked ?? (stream.columns || USUAL_COLUMNS),
    cuts: isTerminal || asked !== null,
    hasColours: hasColours(isTerminal, env),
  };
}

function columnsAsked({ COLUMNS }: Environment): number | null {
  const columns = COLUMNS !== undefined && /^\d{1,5}$/.test(COLUMNS) ? Number(COLUMNS) : 0;
  return columns > 0 ? columns : null;
}

/** As Node.js decides it: FORCE_COLOR counts before NO_COLOR, and both before the kind of stream. */
function hasColours(isTerminal: boolean, env: Environment): boolean {
  const { FORCE_COLOR, NO_COLOR, TERM } = env;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false;
  return isTerminal && TERM !== 'dumb';
}

/** The text in a style where the screen has colours. The text must be free of control characters. */
export function styled(text: string, style: Style | undefined, { hasColours }: Screen): string {
  if (style === undefined || text === '' || !hasColours) return text;
  const [begin, end] = CODES[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
}
