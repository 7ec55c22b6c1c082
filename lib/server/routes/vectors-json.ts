/**
 * Vectors as JSON: the numbers are written by the core, as the shortest decimals that read back as the same float32.
 *
 * The rule: an answer with many numbers is a stream whose pieces are written when the client reads them, so neither the event
 * loop nor the memory waits for all of it.
 */
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { float32JsonBytes, isFiniteVector } from '../../native/float32-json.js';
import { native } from '../../native/native.js';
import { RequestFailure } from '../handling.js';

/** Numbers of one piece: some milliseconds of writing. */
const PIECE_NUMBERS = 2 ** 16;

/** A text between vectors, or a vector. */
export type JsonPart = string | Float32Array;

/** Numbers looked at before others get their turn: about a millisecond. */
const SLICE_NUMBERS = 2 ** 20;

/** Rejects with RequestFailure `backend` if a number is not finite, which JSON cannot say. */
export async function refuseNotFinite(vectors: readonly Float32Array[]): Promise<void> {
  let seen = 0;
  for (const vector of vectors) {
    if (!isFiniteVector(vector)) {
      throw new RequestFailure('backend', 'the model gave numbers that are not finite');
    }
    seen += vector.length;
    if (seen < SLICE_NUMBERS) continue;
    seen = 0;
    await setImmediate();
  }
}

/** `parts` one after the other: a Buffer where they are few numbers, else a stream. */
export function jsonOf(parts: readonly JsonPart[]): Buffer | Readable {
  const pieces = piecesOf(parts);
  const first = pieces.next();
  if (first.done === true) return Buffer.alloc(0);
  const second = pieces.next();
  if (second.done === true) return first.value;
  return Readable.from(
    (function* all() {
      yield first.value;
      yield second.value;
      yield* pieces;
    })(),
    { objectMode: false },
  );
}

/** `[a,b]` of JSON parts: lists of lists are made of lists. */
export function listOf(items: readonly (readonly JsonPart[])[]): readonly JsonPart[] {
  const parts: JsonPart[] = ['['];
  for (const [i, item] of items.entries()) {
    if (i > 0) parts.push(',');
    for (const part of item) parts.push(part);
  }
  parts.push(']');
  return parts;
}

function* piecesOf(parts: readonly JsonPart[]): Generator<Buffer> {
  let from = 0;
  while (from < parts.length) {
    let numbers = 0;
    let bytes = 0;
    let to = from;
    for (; to < parts.length && numbers < PIECE_NUMBERS; to++) {
      const part = parts[to] as JsonPart;
      if (typeof part !== 'string') numbers += part.length;
      bytes += typeof part === 'string' ? Buffer.byteLength(part) : float32JsonBytes(part);
    }
    yield write(parts.slice(from, to), bytes);
    from = to;
  }
}

function write(parts: readonly JsonPart[], bytes: number): Buffer {
  const { writeFloat32Json } = native();
  const target = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const part of parts) {
    at =
      typeof part === 'string' ? at + target.write(part, at) : writeFloat32Json(part, target, at);
  }
  return target.subarray(0, at);
}

/** The numbers as little-endian float32 in base64. */
export function base64Of(vector: Float32Array): string {
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}
