/**
 * Reads the bytes of a pickle: numbers, texts and lines, each checked against the end of the pickle.
 */

import { decodeUtf8 } from '../../core/json.js';
import { corrupt } from '../safetensors-header.js';

/** Limit of a line; names of classes and functions are short. */
const MAX_LINE_BYTES = 1024;

export class PickleReader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly file: string;
  private readonly begin: number;
  private at = 0;

  constructor(bytes: Uint8Array, file: string, begin: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.file = file;
    this.begin = begin;
  }

  /** Position of the next byte in the file. */
  get place(): number {
    return this.begin + this.at;
  }

  byte(): number {
    return this.view.getUint8(this.move(1));
  }

  short(): number {
    return this.view.getUint16(this.move(2), true);
  }

  int4(): number {
    return this.view.getInt32(this.move(4), true);
  }

  uint4(): number {
    return this.view.getUint32(this.move(4), true);
  }

  long8(): void {
    this.move(8);
  }

  float(): number {
    return this.view.getFloat64(this.move(8), false);
  }

  /** A signed little-endian number of `length` bytes. A number that a double cannot hold exactly is CORRUPT_MODEL. */
  long(length: number): number {
    const at = this.move(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(this.bytes[at + i] ?? 0);
    const signed = BigInt.asIntN(8 * length, value);
    const number = Number(signed);
    if (Number.isSafeInteger(number)) return number;
    throw corrupt(this.file, this.begin + at, `number ${signed} is too large`);
  }

  text(length: number): string {
    const at = this.move(length);
    return decodeUtf8(this.bytes.subarray(at, at + length), this.file, this.begin + at);
  }

  /** Text up to the next line feed. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > MAX_LINE_BYTES) {
      throw corrupt(this.file, this.place, 'a name without end in the pickle');
    }
    const line = this.text(end - this.at);
    this.at = end + 1;
    return line;
  }

  /** Steps over `length` bytes and returns the index of the first. */
  private move(length: number): number {
    const at = this.at;
    if (length > this.bytes.byteLength - at)
      throw corrupt(this.file, this.place, 'the pickle ends too early');
    this.at = at + length;
    return at;
  }
}
