// Lying safetensors: every lie is CORRUPT_MODEL with the file and a byte offset, whatever bytes are
// changed.
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { headerLength, parseHeader } from '../../lib/formats/safetensors-header.js';
import { temporaryFolder } from './temporary-folder.js';

const FIXTURE = readFileSync(
  new URL('../fixtures/encoders/bert-seqcls/model.safetensors', import.meta.url),
);

/**
 * A file with this JSON and `dataBytes` bytes after it; `length` overrides what the prefix says.
 */
function build(json: string, dataBytes: number, length?: bigint): Buffer {
  const text = Buffer.from(json);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(text.byteLength));
  return Buffer.concat([prefix, text, Buffer.alloc(dataBytes)]);
}

async function parse(bytes: Uint8Array) {
  const length = headerLength(bytes.subarray(0, 8), 'x', bytes.byteLength);
  return parseHeader(bytes.subarray(8, 8 + length), 'x', bytes.byteLength);
}

const one = (entry: string) => `{"w":${entry}}`;
const range = (from: unknown, to: unknown) =>
  one(`{"dtype":"F32","shape":[2],"data_offsets":[${from},${to}]}`);

const LIES: readonly [string, Buffer, RegExp][] = [
  ['an empty file', Buffer.alloc(0), /8 bytes of header length, has 0/],
  ['a cut prefix', Buffer.alloc(5), /has 5/],
  ['a header beyond the file', build('{}', 0, 100n), /header length must be 2\.\.2, got 100/],
  ['a header of 2^64 - 1', build('{}', 0, 2n ** 64n - 1n), /got 18446744073709551615/],
  ['no JSON', build('{"w":', 0), /not valid JSON/],
  ['JSON of another kind', build('[1,2]', 0), /must be a JSON object/],
  ['JSON nested 100000 deep', build('['.repeat(1e5) + ']'.repeat(1e5), 0), /JSON/],
  [
    'invalid UTF-8',
    Buffer.concat([build('{"', 0, 5n), Buffer.of(0xff, 0x22, 0x7d)]),
    /UTF-8 at byte 10/,
  ],
  ['a tensor given twice', build(`{"w":{},"w":{}}`, 0), /"w" is given twice/],
  [
    'an unknown dtype',
    build(one('{"dtype":"F31","shape":[],"data_offsets":[0,4]}'), 4),
    /dtype must be/,
  ],
  [
    'a dtype of Object',
    build(one('{"dtype":"constructor","shape":[],"data_offsets":[0,4]}'), 4),
    /dtype/,
  ],
  [
    'a negative size',
    build(one('{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}'), 8),
    /shape must be/,
  ],
  [
    'a fractional size',
    build(one('{"dtype":"F32","shape":[0.5],"data_offsets":[0,2]}'), 2),
    /shape/,
  ],
  [
    'a size beyond 2^53',
    build(one('{"dtype":"F32","shape":[1e300],"data_offsets":[0,8]}'), 8),
    /shape/,
  ],
  [
    'a product beyond 2^53',
    build(one('{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}'), 8),
    /must have \S+ bytes/,
  ],
  ['a range past the end', build(range(0, 8), 4), /within 4 bytes/],
  ['a range backwards', build(range(8, 0), 8), /in order/],
  ['a range of strings', build(range('"0"', 8), 8), /two positions/],
  ['a range of another length', build(range(0, 4), 4), /must have 8 bytes for F32 \[2\], got 4/],
  ['a hole', build(range(4, 12), 12), /leaves a hole/],
  ['bytes after the last tensor', build(range(0, 8), 12), /tensors end at/],
  [
    'an overlap',
    build(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}',
      6,
    ),
    /"b" overlaps/,
  ],
  ['metadata that is no object', build('{"__metadata__":3}', 0), /must be an object/],
  ['metadata with numbers', build('{"__metadata__":{"a":1}}', 0), /must hold strings/],
];

describe('a lying safetensors file', () => {
  it.each(LIES)('%s', async (_, bytes, message) => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeFile(path, bytes);
    const error = await openSafetensors(path).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SinterError);
    expect((error as SinterError).code).toBe('CORRUPT_MODEL');
    expect((error as SinterError).message).toMatch(message);
    expect((error as SinterError).details.file).toBe(path);
    expect((error as SinterError).details.byteOffset).toBeTypeOf('number');
  });

  it('that is cut anywhere is refused', async () => {
    for (let size = 0; size < FIXTURE.byteLength; size += 997) {
      await expect(parse(FIXTURE.subarray(0, size))).rejects.toThrow(SinterError);
    }
  });

  it('with any bytes changed either parses or is a SinterError', async () => {
    const headerEnd = 8 + Number(FIXTURE.readBigUInt64LE(0));
    const edit = fc.tuple(fc.nat(headerEnd - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const copy = Buffer.from(FIXTURE);
        for (const [at, value] of edits) copy[at] = value;
        try {
          for (const { begin, end } of (await parse(copy)).tensors.values()) {
            expect(begin).toBeLessThanOrEqual(end);
            expect(end).toBeLessThanOrEqual(copy.byteLength);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SinterError);
        }
      }),
      { numRuns: 2000, seed: 7 },
    );
  });

  it('made of any JSON either parses or is a SinterError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (json) => {
        try {
          await parse(build(json, 8));
        } catch (error) {
          expect(error).toBeInstanceOf(SinterError);
        }
      }),
      { numRuns: 1000, seed: 7 },
    );
  });

  it('accepts a tensor named __proto__ or __metadata__-like without harm', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeFile(
      path,
      build('{"__proto__":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}', 4),
    );
    const file = await openSafetensors(path);
    expect([...file.tensors.keys()]).toEqual(['__proto__']);
    expect((await readFile(path)).byteLength).toBeGreaterThan(0);
    await file.close();
  });
});
