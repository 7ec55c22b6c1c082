/**
 * Records of TensorBoard's event files: TFRecord framing around Event messages with scalars.
 *
 * Field numbers are those of event.proto and summary.proto of TensorFlow; the framing is that of its record_writer: length
 * (uint64), masked CRC-32C of those 8 bytes, data, masked CRC-32C of the data, all little-endian.
 */

import { WireMessage } from './onnx/wire.js';

/** Reversed polynomial of CRC-32C (Castagnoli). */
const POLYNOMIAL = 0x82f63b78;
/** Is added to a rotated checksum, so that a checksum of data that holds checksums is no weaker. */
const MASK = 0xa282ead8;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** CRC-32C of the bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + MASK) >>> 0;
}

/** `data` as one record of a TFRecord file. */
export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(data.length + 16);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, masked(data), true);
  return record;
}

/** SessionLog.SessionStatus.START. */
const START = 1;

/** What an event says: the version that begins a file, that all steps from `step` on are void, or scalars. */
export type EventContent =
  | { readonly fileVersion: string }
  | { readonly restart: true }
  | { readonly scalars: Readonly<Record<string, number>> };

/** An event as a record. `wallTime`: seconds since 1970. Scalars become 32-bit floats. */
export async function eventRecord(
  wallTime: number,
  step: number,
  content: EventContent,
): Promise<Uint8Array> {
  const event = new WireMessage().double(1, wallTime).int(2, step);
  if ('fileVersion' in content) event.string(3, content.fileVersion);
  else if ('restart' in content) event.message(7, new WireMessage().int(1, START));
  else {
    const summary = new WireMessage();
    for (const [tag, value] of Object.entries(content.scalars))
      summary.message(1, new WireMessage().string(1, tag).float(2, value));
    event.message(5, summary);
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of event.chunks()) pieces.push(piece.slice());
  return tfRecord(Buffer.concat(pieces));
}
