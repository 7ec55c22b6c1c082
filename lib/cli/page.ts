/**
 * Writes text for people on one stream: lines, facts, wrapped sentences and tables that fit its screen.
 *
 * The rule: control characters are made visible before a style is added, so that no text of others drives the terminal.
 */
import { printable, printableLines } from '../core/visible.js';
import type { TextSink } from './output.js';
import { type Screen, type Style, screenOf, styled } from './screen.js';
import { formatTable, type Table } from './table.js';
import { displayWidth, pad, wrapWords } from './width.js';

/** A name and what belongs to it. */
export type Fact = readonly [name: string, value: string, style?: Style];

export interface FactLayout {
  /** Spaces before each name. Default: none. */
  readonly indent?: number;
  /** Columns for the names, with the space behind them. Default: 14. */
  readonly nameWidth?: number;
}

export interface SentenceOptions {
  /** Stands before the first line; as many spaces stand before the others. Default: nothing. */
  readonly first?: string;
  readonly style?: Style;
  readonly firstStyle?: Style;
  /** Words longer than a line stay whole, as in a path to copy. Default: false, on a terminal they are broken. */
  readonly keepsWords?: boolean;
}

const NAME_WIDTH = 14;
const UNLIMITED = { columns: Number.POSITIVE_INFINITY };

export class Page {
  /** `screen` default: that of the stream, asked anew for each piece, because a terminal may be resized. */
  constructor(
    private readonly sink: TextSink,
    private readonly fixed?: Screen,
  ) {}

  get screen(): Screen {
    return this.fixed ?? screenOf(this.sink);
  }

  /** Text of one or several lines, as it is. */
  print(text: string, style?: Style): void {
    const lines = printableLines(text).split('\n');
    this.sink.write(lines.map((line) => styled(line, style, this.screen)).join('\n'));
  }

  /** A sentence of its own: wrapped on a terminal, one line elsewhere, where programs may look for it. */
  sentence(text: string, options: SentenceOptions = {}): void {
    const { columns } = this.screen.cuts ? this.screen : UNLIMITED;
    this.wrapAt(columns, text, options);
  }

  /** A sentence of a longer report, in lines that fit. */
  wrapped(text: string, options: SentenceOptions = {}): void {
    this.wrapAt(this.screen.columns, text, options);
  }

  private wrapAt(columns: number, text: string, options: SentenceOptions): void {
    const { first = '', style, firstStyle, keepsWords = false } = options;
    const { screen } = this;
    const shown = printable(first);
    const indent = displayWidth(shown);
    const lines = wrapWords(printable(text), columns - indent, screen.cuts && !keepsWords)
      .map((line) => styled(line, style, screen))
      .join(`\n${' '.repeat(indent)}`);
    this.sink.write(`${styled(shown, firstStyle, screen)}${lines}\n`);
  }

  /** A line for each fact: names under each other, values wrapped beside them. */
  facts(facts: readonly Fact[], { indent = 0, nameWidth = NAME_WIDTH }: FactLayout = {}): void {
    for (const [name, value, style] of facts) {
      const first = `${' '.repeat(indent)}${pad(name, nameWidth)}`;
      this.wrapped(value, { first, firstStyle: 'dim', ...(style && { style }) });
    }
  }

  /** A table, `indent` columns from the left. */
  table(table: Table, indent = 0): void {
    const { screen } = this;
    const text = formatTable(table, { ...screen, columns: screen.columns - indent });
    const before = ' '.repeat(indent);
    this.sink.write(text.replace(/^(?=.)/gm, before));
  }
}
