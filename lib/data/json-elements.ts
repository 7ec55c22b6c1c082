/**
 * Splits one long JSON array into the texts of its elements without holding the array.
 *
 * The rule: only one element is held, and its length is bounded as a line's is; the parser of the element finds whether it is
 * JSON.
 */
import { MAX_LINE_UNITS } from '../core/limits.js';
import { dataProblem } from './problem.js';

export interface JsonElement {
  /** Line on which it begins. */
  readonly line: number;
  readonly text: string;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN, CLOSE, LINE_FEED] = [0x5b, 0x5d, 0x0a];

const opens = (char: number): boolean => char === OPEN || char === 0x7b;
const closes = (char: number): boolean => char === CLOSE || char === 0x7d;

/** Most characters of a key that are kept for comparison. */
const MAX_KEY_UNITS = 64;

/** Reads a text up to the bracket that opens the array, at the top or at the key `data` of an object. */
class ArrayFinder {
  private depth = 0;
  private text: string | null = null;
  private key = '';
  private escaped = false;

  /** Whether the array is the whole text. */
  get isOuter(): boolean {
    return this.depth === 0;
  }

  /** Whether `char` opens the array; null where the text cannot have one any more. */
  next(char: number, piece: string, at: number): boolean | null {
    if (this.text !== null) {
      this.inText(char, piece, at);
      return false;
    }
    if (char === QUOTE) this.text = '';
    if (char === OPEN && (this.depth === 0 || (this.depth === 1 && this.key === 'data')))
      return true;
    // The object's next key comes after this comma.
    if (char === COMMA && this.depth === 1) this.key = '';
    if (opens(char)) this.depth += 1;
    if (!closes(char)) return false;
    this.depth -= 1;
    return this.depth > 0 ? false : null;
  }

  private inText(char: number, piece: string, at: number): void {
    if (this.escaped) this.escaped = false;
    else if (char === BACKSLASH) this.escaped = true;
    else if (char === QUOTE) {
      if (this.depth === 1) this.key = this.text ?? '';
      this.text = null;
      return;
    }
    if (this.text !== null && this.text.length < MAX_KEY_UNITS) this.text += piece[at] ?? '';
  }
}

/** Whether a text that begins with `head` is an array, or an object with an array as `data`. */
export function hasElements(head: string): boolean {
  const finder = new ArrayFinder();
  for (let at = 0; at < head.length; at++) {
    const found = finder.next(head.charCodeAt(at), head, at);
    if (found !== false) return found === true;
  }
  return false;
}

/** The elements, in order. INVALID_DATA where the array has no end, or text follows it. */
export async function* jsonElements(
  file: string,
  pieces: AsyncIterable<string>,
): AsyncGenerator<JsonElement> {
  const splitter = new ElementSplitter(file);
  for await (const piece of pieces) yield* splitter.push(piece);
  splitter.end();
}

class ElementSplitter {
  private readonly finder = new ArrayFinder();
  private state: 'before' | 'inside' | 'after' = 'before';
  private line = 1;
  /** State inside the element: open brackets, inside a string, after a backslash. */
  private depth = 0;
  private inText = false;
  private escaped = false;
  private held: string[] = [];
  private heldUnits = 0;
  private begun: number | null = null;
  private count = 0;

  constructor(private readonly file: string) {}

  *push(piece: string): Generator<JsonElement> {
    let start = 0;
    for (let at = 0; at < piece.length; at++) {
      const char = piece.charCodeAt(at);
      if (char === LINE_FEED) this.line += 1;
      if (this.state === 'before') {
        if (this.finder.next(char, piece, at) !== true) continue;
        this.state = 'inside';
        start = at + 1;
        continue;
      }
      if (this.state === 'after') {
        if (this.finder.isOuter && char > 0x20) throw this.trailing();
        continue;
      }
      if (this.inText) {
        if (this.escaped) this.escaped = false;
        else if (char === BACKSLASH) this.escaped = true;
        else if (char === QUOTE) this.inText = false;
        continue;
      }
      if (char > 0x20) this.begun ??= this.line;
      if (char === QUOTE) this.inText = true;
      else if (opens(char)) this.depth += 1;
      else if (closes(char) && this.depth > 0) this.depth -= 1;
      else if (this.depth === 0 && (char === COMMA || char === CLOSE)) {
        this.hold(piece.slice(start, at));
        yield* this.element(char === CLOSE);
        start = at + 1;
      }
    }
    if (this.state === 'inside') this.hold(piece.slice(start));
  }

  end(): void {
    if (this.state === 'after') return;
    const line = this.begun ?? this.line;
    throw dataProblem(this.file, 'the array is never closed: the file is cut off', { line });
  }

  private trailing(): Error {
    return dataProblem(this.file, 'text after the end of the array', { line: this.line });
  }

  private *element(isLast: boolean): Generator<JsonElement> {
    const text = this.held.join('');
    this.held = [];
    this.heldUnits = 0;
    // This comma or bracket may itself be the first character of the element.
    const line = this.begun ?? this.line;
    this.begun = null;
    if (isLast) this.state = 'after';
    if (isLast && this.count === 0 && text.trim() === '') return;
    this.count += 1;
    yield { line, text };
  }

  private hold(part: string): void {
    this.held.push(part);
    this.heldUnits += part.length;
    if (this.heldUnits <= MAX_LINE_UNITS) return;
    const what = `an element of the array is longer than ${MAX_LINE_UNITS} characters`;
    throw dataProblem(this.file, what, { line: this.begun ?? this.line });
  }
}
