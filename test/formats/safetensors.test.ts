// Reading and writing safetensors: files of the reference implementation, chunks, and nothing left
// after a failure.
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openSafetensors } from '../../lib/formats/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../../lib/formats/safetensors-writer.js';
import { temporaryFolder } from './temporary-folder.js';

const FIXTURE = fileURLToPath(
  new URL('../fixtures/encoders/bert-seqcls/model.safetensors', import.meta.url),
);

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Uint8Array[] = [];
  for await (const chunk of chunks) copies.push(chunk.slice());
  return Buffer.concat(copies);
}

describe('openSafetensors', () => {
  it('reads a file that the reference implementation wrote', async () => {
    const file = await openSafetensors(FIXTURE);
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.tensors.size).toBe(41);
    expect(file.tensors.get('classifier.weight')).toMatchObject({ dtype: 'F32', shape: [3, 32] });
    const floats = await file.readFloats('classifier.bias');
    expect(floats).toHaveLength(3);
    expect(floats.every((x) => Number.isFinite(x) && x !== 0)).toBe(true);
    await file.close();
  });

  it('gives the same bytes in chunks of any size, through one buffer', async () => {
    const file = await openSafetensors(FIXTURE);
    const name = 'bert.embeddings.word_embeddings.weight';
    const whole = Buffer.from(await file.readBytes(name));
    for (const size of [8, 100, 4096, 1 << 20]) {
      expect(whole.equals(await collect(file.readChunks(name, size)))).toBe(true);
    }
    const buffers = new Set<ArrayBufferLike>();
    for await (const chunk of file.readChunks(name, 4099)) {
      expect(chunk.byteLength % 8).toBe(0);
      expect(chunk.byteLength).toBeLessThanOrEqual(4099);
      buffers.add(chunk.buffer);
    }
    expect(buffers.size).toBe(1);
    await expect(collect(file.readChunks(name, 7))).rejects.toThrow(/^maxBytes must be an integer/);
    await file.close();
  });

  it('says when it is closed, or a tensor or the file is missing', async () => {
    const file = await openSafetensors(FIXTURE);
    await expect(file.readBytes('nothing')).rejects.toMatchObject({ code: 'CORRUPT_MODEL' });
    await file.close();
    await file.close();
    await expect(file.readBytes('classifier.bias')).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(openSafetensors('/no/such/x.safetensors')).rejects.toMatchObject({
      code: 'CORRUPT_MODEL',
      message: '/no/such/x.safetensors: no such file',
    });
  });

  it('notices a file that shrinks after it was opened', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeFile(path, await readFile(FIXTURE));
    const file = await openSafetensors(path);
    await truncate(path, 5000);
    await expect(file.readBytes('classifier.weight')).rejects.toThrow(/ends \d+ bytes too early/);
    await file.close();
  });
});

describe('writeSafetensors', () => {
  it('writes byte for byte what the reference implementation wrote', async () => {
    const path = join(await temporaryFolder(), 'copy.safetensors');
    const file = await openSafetensors(FIXTURE);
    const entries = [...file.tensors].map(([name, { dtype, shape }]) => ({
      name,
      dtype,
      shape,
      data: () => file.readChunks(name, 1000),
    }));
    await writeSafetensors(path, entries.reverse(), file.metadata);
    await file.close();
    expect((await readFile(path)).equals(await readFile(FIXTURE))).toBe(true);
  });

  it('aligns mixed dtypes and round-trips scalars and empty tensors', async () => {
    const path = join(await temporaryFolder(), 'mixed.safetensors');
    const entries: TensorToWrite[] = [
      { name: 'bytes', dtype: 'I8', shape: [3], data: Int8Array.of(-1, 0, 1) },
      { name: 'naïve', dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) },
      { name: 'scalar', dtype: 'F32', shape: [], data: Float32Array.of(0.5) },
      { name: 'none', dtype: 'I64', shape: [0, 4], data: new BigInt64Array(0) },
    ];
    await writeSafetensors(path, entries);
    const file = await openSafetensors(path);
    expect([...file.tensors.keys()]).toEqual(['none', 'scalar', 'naïve', 'bytes']);
    expect((file.tensors.get('none')?.begin ?? 1) % 8).toBe(0);
    expect([...(await file.readFloats('naïve'))]).toEqual([1, -2]);
    expect([...(await file.readFloats('scalar'))]).toEqual([0.5]);
    expect([...(await file.readBytes('bytes'))]).toEqual([255, 0, 1]);
    await expect(file.readFloats('bytes')).rejects.toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    await file.close();
  });

  it('leaves nothing behind when data is too short, too long, repeated, or fails', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'x.safetensors');
    const entry = (data: TensorToWrite['data']) =>
      ({ name: 'w', dtype: 'F32', shape: [2], data }) as const;
    const good = entry(Float32Array.of(1, 2));
    const fails = entry(() => Promise.reject(new Error('lost the weights')));
    await expect(writeSafetensors(path, [entry(Float32Array.of(1))])).rejects.toThrow(RangeError);
    await expect(writeSafetensors(path, [entry(new Float32Array(3))])).rejects.toThrow(
      /w\.data must/,
    );
    await expect(writeSafetensors(path, [good, good])).rejects.toThrow(/given once/);
    await expect(writeSafetensors(path, [fails])).rejects.toThrow('lost the weights');
    expect(await readdir(folder)).toEqual([]);
  });

  it('keeps the old file when the new one fails', async () => {
    const path = join(await temporaryFolder(), 'x.safetensors');
    await writeFile(path, 'old');
    const bad = [{ name: 'w', dtype: 'F32', shape: [2], data: new Float32Array(1) }] as const;
    await expect(writeSafetensors(path, bad)).rejects.toThrow();
    expect(await readFile(path, 'utf8')).toBe('old');
  });
});
