/**
 * Writes the protobuf wire format: messages whose large fields are streamed.
 *
 * Sizes are known before any byte is written (a length precedes every nested message), so a streamed field declares its
 * length when it is added and must then yield exactly that many bytes.
 */

import { SinterError } from '../../core/errors.js';
import { Turn } from '../../core/turns.js';

/** Yields the bytes of one field, in order, when the message is written. Called once for each write. */
export type ByteSource = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

type Part = Uint8Array | WireMessage | { readonly length: number; readonly source: ByteSource };

/** Size of the buffer that collects small parts. */
const GATHER_BYTES = 64 * 1024;

const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_BYTES = 2;
const WIRE_FIXED32 = 5;

/** The bytes of an unsigned 64-bit varint; negative values are written as 64-bit two's complement. */
export function encodeVarint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}

/** A message under construction: fields are written in the order in which they are added. */
export class WireMessage {
  readonly #parts: Part[] = [];
  #size = 0;
  #nested = false;

  /** Bytes of the message without its own length prefix. */
  get size(): number {
    return this.#size;
  }

  /** int32, int64, uint64, bool and enum fields. `value` must be an integer. */
  int(field: number, value: number | bigint): this {
    this.#tag(field, WIRE_VARINT);
    return this.#add(encodeVarint(value), 0);
  }

  /** A float field (32 bits, little-endian). */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#tag(field, WIRE_FIXED32);
    return this.#add(bytes, 0);
  }

  /** A double field (64 bits, little-endian). */
  double(field: number, value: number): this {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value, true);
    this.#tag(field, WIRE_FIXED64);
    return this.#add(bytes, 0);
  }

  /** A string field, in UTF-8. */
  string(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#tag(field, WIRE_BYTES);
    this.#add(encodeVarint(bytes.length), 0);
    return this.#add(bytes, 0);
  }

  /** A nested message. Nothing may be added to `message` afterwards: its length is already counted. */
  message(field: number, message: WireMessage): this {
    message.#nested = true;
    this.#tag(field, WIRE_BYTES);
    this.#add(encodeVarint(message.size), 0);
    return this.#add(message, message.size);
  }

  /** A bytes field of `length` bytes that are fetched only while the message is written. */
  stream(field: number, length: number, source: ByteSource): this {
    this.#tag(field, WIRE_BYTES);
    this.#add(encodeVarint(length), 0);
    return this.#add({ length, source }, length);
  }

  /** The whole message in pieces of any size. A piece is valid only until the next one is requested. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const gathered = new Uint8Array(GATHER_BYTES);
    let used = 0;
    // Nothing but a large piece waits for anything.
    const turn = new Turn();
    for await (const bytes of this.#walk()) {
      if (turn.isOver) await turn.end();
      if (used + bytes.length > GATHER_BYTES) {
        if (used > 0) yield gathered.subarray(0, used);
        used = 0;
      }
      if (bytes.length > GATHER_BYTES) {
        yield bytes;
      } else {
        gathered.set(bytes, used);
        used += bytes.length;
      }
    }
    if (used > 0) yield gathered.subarray(0, used);
  }

  async *#walk(): AsyncGenerator<Uint8Array> {
    for (const part of this.#parts) {
      if (part instanceof Uint8Array) yield part;
      else if (part instanceof WireMessage) yield* part.#walk();
      else yield* exactly(part.length, part.source());
    }
  }

  #tag(field: number, wire: number): void {
    this.#add(encodeVarint(field * 8 + wire), 0);
  }

  #add(part: Part, length: number): this {
    if (this.#nested) throw new SinterError('INTERNAL', 'a nested protobuf message was changed');
    this.#parts.push(part);
    this.#size += part instanceof Uint8Array ? part.length : length;
    return this;
  }
}

/** Passes on the bytes of `source` and throws unless they are `length` in all. */
export async function* exactly(
  length: number,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let given = 0;
  for await (const bytes of source) {
    given += bytes.length;
    if (given > length) break;
    yield bytes;
  }
  if (given !== length) {
    throw new SinterError('INTERNAL', `a protobuf field of ${length} bytes was given ${given}`);
  }
}
