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

const NAME_WIDTH = 14;

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

  /**
   * One sentence in lines that fit. `first` stands before the first line, as many spaces before the others. Words longer than
   * a line stay whole with `keepsWords`, as in a path to copy.
   */
  wrapped(
    sentence: string,
    options: {
      readonly first?: string;
      readonly style?: Style;
      readonly firstStyle?: Style;
      readonly keepsWords?: boolean;
    } = {},
  ): void {
    const { first = '', style, firstStyle, keepsWords = false } = options;
    const { columns, cuts } = this.screen;
    const shown = printable(first);
    const indent = displayWidth(shown);
    const lines = wrapWords(printable(sentence), columns - indent, cuts && !keepsWords);
    const text = lines
      .map((line) => styled(line, style, this.screen))
      .join(`\n${' '.repeat(indent)}`);
    this.sink.write(`${styled(shown, firstStyle, this.screen)}${text}\n`);
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
