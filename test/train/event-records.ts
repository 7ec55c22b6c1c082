/**
 * Reads event files of TensorBoard with a decoder of its own: framing, both checksums, and the fields of scalars.
 *
 * The checksum is computed bit by bit from its definition, so that it shares no table with the writer.
 */

import { readFile } from 'node:fs/promises';

export interface DecodedEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  /** SessionLog.status. */
  readonly session?: number;
  readonly scalars: Readonly<Record<string, number>>;
}

export function crcByBits(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

const masked = (bytes: Uint8Array): number => {
  const crc = crcByBits(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

/** All events of a file. Throws at a record whose checksums do not fit, or that is cut off. */
export async function readEvents(path: string): Promise<DecodedEvent[]> {
  const bytes = await readFile(path);
  const events: DecodedEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (bytes.readUInt32LE(at + 8) !== masked(bytes.subarray(at, at + 8)))
      throw new Error(`checksum of the length at byte ${at}`);
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (bytes.readUInt32LE(at + 12 + length) !== masked(data))
      throw new Error(`checksum of the record at byte ${at}`);
    events.push(decoded(data));
    at += length + 16;
  }
  return events;
}

type Field = readonly [number: number, value: Buffer | number];

/** The fields of a message; numbers are varints. */
function fieldsOf(bytes: Buffer): Field[] {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('a number is cut off');
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const fields: Field[] = [];
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    if (wire === 0) fields.push([tag >> 3, varint()]);
    else {
      const size = wire === 1 ? 8 : wire === 5 ? 4 : varint();
      fields.push([tag >> 3, bytes.subarray(at, at + size)]);
      at += size;
    }
  }
  return fields;
}

const first = (fields: readonly Field[], number: number) =>
  fields.find(([one]) => one === number)?.[1];

function decoded(data: Buffer): DecodedEvent {
  const event = fieldsOf(data);
  const [version, summary, session] = [3, 5, 7].map((field) => first(event, field) as Buffer);
  const values = summary === undefined ? [] : fieldsOf(summary);
  const scalars = values.map(([, value]) => {
    const fields = fieldsOf(value as Buffer);
    return [String(first(fields, 1)), (first(fields, 2) as Buffer).readFloatLE(0)] as const;
  });
  return {
    wallTime: (first(event, 1) as Buffer).readDoubleLE(0),
    step: Number(first(event, 2)),
    ...(version && { fileVersion: version.toString() }),
    ...(session && { session: Number(first(fieldsOf(session), 1)) }),
    scalars: Object.fromEntries(scalars),
  };
}
