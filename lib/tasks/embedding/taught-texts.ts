/** Texts to distil an encoder on, with the vectors of a teacher: their own, or those of a model. */

import { typeMistake } from '../../core/errors.js';
import type { TextInput } from '../../tokenize/text-tokenizer.js';
import { type Rows, type TextTarget, textOf } from '../../train/collect-rows.js';

/** A text to distil an encoder on; labels and other fields are not read. */
export interface TaughtText {
  readonly text: string;
  /** Second text of a pair. */
  readonly pair?: string | undefined;
  /** With `teacher: 'embedding'`: the teacher's vector, as long in every row. */
  readonly embedding?: ArrayLike<number> | undefined;
}

/** What a teacher of vectors has to be. */
export interface EmbeddingTeacher {
  readonly dimensions: number;
  embed(
    texts: readonly TextInput[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<{ row(index: number): Float32Array }>;
}

/** Rows whose vectors are computed in one call of the teacher. */
const PIECE_ROWS = 256;

interface Named {
  readonly where: string;
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

/** Rows that are texts or objects with a text, as inputs. */
function inputOf(at: string, row: unknown): TextInput {
  return typeof row === 'string' ? row : textOf(at, row, 'text');
}

/** The rows with `embedding` of the teacher. */
export async function* embeddedRows(
  rows: Rows<unknown>,
  teacher: EmbeddingTeacher,
  { where, name, signal }: Named,
): AsyncGenerator<unknown> {
  let piece: TextInput[] = [];
  let count = 0;
  const flush = async function* () {
    const vectors = await teacher.embed(piece, { ...(signal && { signal }) });
    for (const [i, input] of piece.entries()) {
      const [text, pair] = typeof input === 'string' ? [input] : input;
      yield { text, pair, embedding: vectors.row(i) };
    }
    piece = [];
  };
  for await (const row of rows) {
    piece.push(inputOf(`${where}: ${name}[${count}]`, row));
    count++;
    if (piece.length === PIECE_ROWS) yield* flush();
  }
  if (piece.length > 0) yield* flush();
}

/**
 * Reads a row as its text, with the prompt in front, and its vector. `width` is its length, which the first row decides where it
 * is undefined; 0: rows need no vector.
 */
export class TaughtTextParser {
  constructor(
    private readonly prompt: string,
    private known: number | undefined,
  ) {}

  /** Numbers per row. */
  get width(): number {
    return this.known ?? 0;
  }

  parse(at: string, row: unknown): TextTarget {
    const plain = inputOf(at, row);
    const input: TextInput =
      typeof plain === 'string' ? this.prompt + plain : [this.prompt + plain[0], plain[1]];
    if (this.known === 0) return { input, target: [] };
    const { embedding } = row as TaughtText;
    const isList = Array.isArray(embedding) || ArrayBuffer.isView(embedding);
    const target = isList ? Array.from(embedding as ArrayLike<number>) : [];
    const wanted = this.known === undefined ? '' : `${this.known} `;
    const isVector = target.length > 0 && target.every((one) => Number.isFinite(one));
    if (!isVector || target.length !== (this.known ?? target.length))
      throw typeMistake(`${at}.embedding`, `a vector of ${wanted}finite numbers`, embedding);
    this.known = target.length;
    return { input, target };
  }
}
