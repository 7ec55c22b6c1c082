/**
 * The protobuf wire format: what is written reads back, and hostile bytes give errors instead of wrong fields.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { encodeVarint, WireMessage } from '../../lib/formats/onnx/wire.js';
import { decodeVarint, readFields } from '../../lib/formats/onnx/wire-reader.js';

async function bytesOf(message: WireMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of message.chunks()) chunks.push(Uint8Array.from(chunk));
  return Uint8Array.from(Buffer.concat(chunks));
}

/** All fields, or the CORRUPT_MODEL error; anything else is thrown on. */
function readAll(bytes: Uint8Array) {
  try {
    return [...readFields(bytes)];
  } catch (error) {
    if (error instanceof SinterError && error.code === 'CORRUPT_MODEL') return error;
    throw error;
  }
}

function corruption(bytes: readonly number[]): SinterError {
  const result = readAll(Uint8Array.from(bytes));
  if (!(result instanceof SinterError)) throw new Error('the bytes were accepted');
  return result;
}

describe('varints', () => {
  it('have the bytes of the specification', () => {
    expect([...encodeVarint(0)]).toEqual([0]);
    expect([...encodeVarint(127)]).toEqual([0x7f]);
    expect([...encodeVarint(300)]).toEqual([0xac, 0x02]);
    expect([...encodeVarint(-1)]).toEqual([...new Array(9).fill(0xff), 1]);
  });

  it('read back, signed or unsigned, wherever they stand', () => {
    const any = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(any, fc.uint8Array({ maxLength: 4 }), (value, before) => {
        const bytes = Uint8Array.from([...before, ...encodeVarint(value), 0x55]);
        const read = decodeVarint(bytes, before.length);
        expect(read.value).toBe(BigInt.asUintN(64, value));
        expect(read.next).toBe(bytes.length - 1);
      }),
    );
  });

  it('are refused when cut off or longer than 64 bits', () => {
    expect(() => decodeVarint(Uint8Array.of(0x80), 0, 7)).toThrow('number cut off at byte 7');
    const long = Uint8Array.from([...new Array(9).fill(0xff), 2]);
    expect(() => decodeVarint(long, 0)).toThrow('number longer than 64 bits at byte 0');
    expect(() => decodeVarint(new Uint8Array(20).fill(0x80), 0)).toThrow('longer than 64 bits');
  });
});

describe('messages', () => {
  const field = fc.integer({ min: 1, max: 2 ** 29 - 1 });

  it('read back field by field, and know their size', async () => {
    const item = fc.oneof(
      fc.record({ field, int: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
      fc.record({ field, bytes: fc.uint8Array({ maxLength: 300 }) }),
      fc.record({ field, float: fc.float({ noNaN: true }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 20 }), async (items) => {
        const message = new WireMessage();
        for (const it of items) {
          if ('int' in it) message.int(it.field, it.int);
          else if ('bytes' in it) message.bytes(it.field, it.bytes);
          else message.float(it.field, it.float);
        }
        const bytes = await bytesOf(message);
        expect(bytes.length).toBe(message.size);
        const read = [...readFields(bytes)].map(({ field, value }) => ({ field, value }));
        expect(read).toEqual(
          items.map((it) => {
            if ('int' in it) return { field: it.field, value: BigInt.asUintN(64, it.int) };
            if ('bytes' in it) return { field: it.field, value: it.bytes };
            return {
              field: it.field,
              value: new Uint8Array(Float32Array.of(it.float).buffer),
            };
          }),
        );
      }),
    );
  });

  it('nest, and stream fields that are larger than one piece', async () => {
    const big = new Uint8Array(200_000).map((_, i) => i);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < big.length; at += 70_000) yield big.subarray(at, at + 70_000);
    }
    const inner = new WireMessage().string(1, 'tensor').stream(9, big.length, pieces);
    const outer = new WireMessage().int(1, 8).message(7, inner).string(2, 'after');
    const bytes = await bytesOf(outer);
    expect(bytes.length).toBe(outer.size);
    const [, nested, after] = [...readFields(bytes)];
    expect(after?.value).toEqual(new TextEncoder().encode('after'));
    if (nested === undefined || nested.wire !== 'bytes') throw new Error('no nested message');
    expect([...readFields(nested.value)][1]?.value).toEqual(big);
  });

  it('refuse a stream that gives more or fewer bytes than it declared', async () => {
    for (const given of [0, 3, 5]) {
      const message = new WireMessage().stream(1, 4, () => [new Uint8Array(given)]);
      await expect(bytesOf(message)).rejects.toThrow(
        `a protobuf field of 4 bytes was given ${given}`,
      );
    }
  });

  it('cannot be changed once nested', () => {
    const inner = new WireMessage();
    new WireMessage().message(1, inner);
    expect(() => inner.int(1, 1)).toThrow('a nested protobuf message was changed');
  });
});

describe('hostile bytes', () => {
  it('give a CORRUPT_MODEL that names the byte', () => {
    expect(corruption([0x0a, 5, 1, 2]).message).toBe(
      'protobuf: field longer than its message at byte 0',
    );
    const huge = [0x08, 1, 0x0a, ...new Array(9).fill(0xff), 1];
    expect(corruption(huge).details.byteOffset).toBe(2);
    expect(corruption([0x00, 0]).message).toContain('impossible field number');
    expect(corruption([0x0b]).message).toContain('unknown wire type 3');
    expect(corruption([0x0d, 1, 2]).message).toContain('field longer than its message');
    expect(corruption([0x09, 1, 2, 3]).message).toContain('field longer than its message');
    expect(corruption([0x08]).message).toContain('number cut off at byte 1');
  });

  it('never give anything but fields inside the message or CORRUPT_MODEL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const result = readAll(bytes);
        if (result instanceof SinterError) return;
        for (const item of result) {
          expect(item.field).toBeGreaterThan(0);
          if (item.wire !== 'varint') expect(item.value.buffer).toBe(bytes.buffer);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('are found when a real message is cut anywhere', async () => {
    const inner = new WireMessage().string(1, 'name').int(20, 300);
    const bytes = await bytesOf(new WireMessage().float(2, 0.5).message(5, inner).int(3, 1));
    const whole = [...readFields(bytes)].length;
    for (let length = 0; length < bytes.length; length++) {
      const result = readAll(bytes.subarray(0, length));
      if (!(result instanceof SinterError)) expect(result.length).toBeLessThan(whole);
    }
  });
});
