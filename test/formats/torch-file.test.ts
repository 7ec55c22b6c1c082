// pytorch_model.bin: what torch.save wrote is read to the bit, and nothing that a pickle can say does anything else.
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SinterError } from '../../lib/core/errors.js';
import { readPickle } from '../../lib/formats/torch/pickle.js';
import { openTorchFile } from '../../lib/formats/torch/torch-file.js';
import { openWeightFiles } from '../../lib/formats/weight-files.js';
import { temporaryFolder } from './temporary-folder.js';

const fixture = (name: string) =>
  fileURLToPath(new URL(`../fixtures/torch/${name}`, import.meta.url));
const STATE = readFileSync(fixture('state.bin'));

const counted = (...sizes: number[]) =>
  Array.from({ length: sizes.reduce((a, b) => a * b) }, (_, i) => i);

/** Every tensor of state.bin as floats, by name. */
const FLOATS: Readonly<Record<string, readonly [shape: number[], values: number[]]>> = {
  plain: [[4, 6], counted(4, 6)],
  transposed: [[6, 4], counted(6, 4).map((i) => (i % 4) * 6 + Math.floor(i / 4))],
  part: [
    [2, 3],
    [8, 9, 10, 14, 15, 16],
  ],
  permuted: [[4, 2, 3], counted(4, 2, 3).map((i) => Math.floor(i / 6) + 4 * (i % 6))],
  'tied.a': [[2, 4], counted(8).map((i) => Math.fround(-1 + (i * 2) / 7))],
  parameter: [[3], [0.5, 0.5, 0.5]],
  half: [[3], [0.5, -2, 65504]],
  bfloat: [[2], [1, -3.5]],
  empty: [[0, 4], []],
};

async function refusal(name: string) {
  const error: unknown = await openTorchFile(fixture(name)).catch((e: unknown) => e);
  if (error instanceof SinterError) return error;
  throw new Error(`${name} was not refused`);
}

describe('files of torch.save', () => {
  it.each(['state.bin', 'protocol4.bin'])(
    '%s: every tensor, whatever its strides',
    async (name) => {
      const file = await openTorchFile(fixture(name));
      for (const [tensor, [shape, values]] of Object.entries(FLOATS)) {
        expect(file.tensors.get(tensor)?.shape, tensor).toEqual(shape);
        const read = await file.readFloats(tensor);
        expect(read.length).toBe(values.length);
        for (const [i, value] of read.entries()) expect(value).toBeCloseTo(values[i] ?? NaN, 6);
      }
      expect(await file.readFloats('tied.b')).toEqual(await file.readFloats('tied.a'));
      const kinds = ['double', 'position_ids', 'flag'].map((key) => file.tensors.get(key)?.dtype);
      expect(kinds).toEqual(['F64', 'I64', 'BOOL']);
      await expect(file.readFloats('double')).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
      await file.close();
      await expect(file.readFloats('plain')).rejects.toMatchObject({ code: 'DISPOSED' });
    },
  );

  it('gives the same bytes in chunks of any size', async () => {
    const file = await openTorchFile(fixture('state.bin'));
    for (const name of ['plain', 'transposed', 'half', 'empty']) {
      const whole = Buffer.from(await file.readBytes(name));
      for (const maxBytes of [8, 20, 1 << 20]) {
        const pieces: Buffer[] = [];
        for await (const chunk of file.readChunks(name, maxBytes)) pieces.push(Buffer.from(chunk));
        expect(Buffer.concat(pieces)).toEqual(whole);
      }
    }
    await file.close();
  });

  it('are weights of a folder, whole or in shards, when there is no safetensors', async () => {
    const folder = await temporaryFolder();
    const single = join(folder, 'pytorch_model.bin');
    await copyFile(fixture('dict.bin'), single);
    const whole = await openWeightFiles(folder);
    expect([...(await whole.readFloats('weight'))]).toEqual([1, 1, 1, 1]);
    await whole.close();
    await rm(single);
    await copyFile(fixture('dict.bin'), join(folder, 'a.bin'));
    await copyFile(fixture('state.bin'), join(folder, 'b.bin'));
    const index = (weight_map: object) =>
      writeFile(`${single}.index.json`, JSON.stringify({ weight_map }));
    await index({ weight: 'a.bin', plain: 'b.bin' });
    const shards = await openWeightFiles(folder);
    expect([...(await shards.readFloats('plain'))]).toEqual(FLOATS.plain?.[1]);
    await shards.close();
    await index({ weight: '../a.bin' });
    await expect(openWeightFiles(folder)).rejects.toThrow(/must name a \.bin file here/);
  });
});

describe('pickles that want more than tensors', () => {
  it.each([
    ['evil.bin', 'posix.system'],
    ['evil4.bin', 'posix.system'],
    ['builtins.bin', 'builtins.eval'],
    ['module.bin', 'torch.nn.modules.linear.Linear'],
  ])('%s is refused and named', async (name, global) => {
    const error = await refusal(name);
    expect(error.code).toBe('UNSUPPORTED_MODEL');
    expect(error.message).toContain(`"${global}"`);
    expect(error.details.global).toBe(global);
    expect(existsSync('/tmp/sinter-was-here')).toBe(false);
  });

  it.each([
    ['legacy.bin', /before 1\.6/],
    ['expanded.bin', /expanded tensor/],
    ['compressed.bin', /is compressed/],
  ])('%s says what it is', async (name, message) => {
    const error = await refusal(name);
    expect(error.code).toBe('UNSUPPORTED_MODEL');
    expect(error.message).toMatch(message);
  });

  const steps = (...bytes: (number | string)[]) =>
    Buffer.concat(bytes.map((b) => (typeof b === 'string' ? Buffer.from(b) : Buffer.of(b))));
  it.each([
    ['nothing', steps()],
    ['no value', steps('.')],
    ['a mark that is not there', steps('u.')],
    ['a text beyond the end', steps('X', 0xff, 0xff, 0xff, 0xff)],
    ['nothing remembered', steps('h', 7, '.')],
    ['a call of a number', steps('K', 1, ')R.')],
    ['a storage id of a number', steps('K', 1, 'Q.')],
    ['a number of 255 bytes', steps(0x8a, 0xff, 'a'.repeat(255), '.')],
    ['a name without end', steps('c', 'a'.repeat(4000))],
    ['an unknown step', steps(0xff)],
    ['steps without end', Buffer.alloc(3_000_000, 0x4e)],
  ])('a pickle of %s is refused', (_, bytes) => {
    expect(() => readPickle(bytes, 'x', 0)).toThrow(SinterError);
  });
});

describe('changed bytes', () => {
  it('are read or refused, never anything else', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'x.bin');
    const change = fc.record({
      at: fc.integer({ min: 0, max: STATE.length - 1 }),
      byte: fc.integer({ min: 0, max: 255 }),
    });
    const changes = fc.array(change, { minLength: 1, maxLength: 4 });
    const lengths = fc.oneof(
      { weight: 4, arbitrary: fc.constant(STATE.length) },
      fc.nat(STATE.length),
    );
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(changes, lengths, async (list, length) => {
        const bytes = Buffer.from(STATE.subarray(0, length));
        for (const { at, byte } of list) if (at < length) bytes[at] = byte;
        await writeFile(path, bytes);
        try {
          const file = await openTorchFile(path);
          try {
            for (const name of file.tensors.keys()) {
              const { byteLength } = await file.readBytes(name);
              expect(byteLength).toBeLessThanOrEqual(STATE.length);
            }
          } finally {
            await file.close();
          }
        } catch (error) {
          if (!(error instanceof SinterError)) throw error;
          expect(['CORRUPT_MODEL', 'UNSUPPORTED_MODEL']).toContain(error.code);
          refused++;
        }
      }),
      { numRuns: 1500, seed: 5 },
    );
    expect(refused).toBeGreaterThan(300);
  }, 120_000);
});
