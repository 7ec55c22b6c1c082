/**
 * pytorch_model.bin: a zip of one pickle and the raw bytes of storages, read as a set of named tensors.
 *
 * The pickle can only build tensors (pickle.ts). A tensor is a view of a storage, and several may share one. A tensor
 * in another order is put into row-major order while it is read.
 */

import type { FileHandle } from 'node:fs/promises';
import { rangeMistake, SinterError, show } from '../../core/errors.js';
import { type FileStamp, isUnchanged } from '../../core/files.js';
import { changedWhileRead, type OpenFile, openModelFile, tooLarge } from '../../core/json.js';
import { MAX_PICKLE_BYTES, MAX_TENSORS } from '../../core/limits.js';
import { readExactly, readInto } from '../read-exactly.js';
import { readWidened } from '../read-widened.js';
import { corrupt, DTYPE_BYTES, type SafetensorsDtype } from '../safetensors-header.js';
import { PickleDict, PickleTensor, readPickle } from './pickle.js';
import { isRowMajor, type StridedTensor, stridedTensor, toRowMajor } from './strided-tensor.js';
import { beginOf, readZip, type ZipEntry } from './zip.js';

/** Size of the largest element; chunks are multiples of it. */
const MAX_ELEMENT_BYTES = 8;
/** Hex of the pickled number with which files of torch.save before 1.6 begin. */
const LEGACY_MAGIC = '80028a0a6cfc9c46f9206aa85019';

/** Opens a file, reads its pickle and checks every tensor against its storage. */
export async function openTorchFile(path: string): Promise<TorchFile> {
  const { handle, stats } = await openModelFile(path);
  try {
    await refuseLegacy(handle, path);
    const entries = await readZip(handle, path);
    const pickle = [...entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));
    const entry = pickle === undefined ? undefined : entries.get(pickle);
    if (pickle === undefined || entry === undefined) {
      throw corrupt(path, 0, 'a zip file without data.pkl: not one of torch.save');
    }
    const folder = pickle.slice(0, pickle.indexOf('/') + 1);
    await checkByteOrder(handle, path, entries.get(`${folder}byteorder`));
    const bytes = await readEntry(handle, path, entry, MAX_PICKLE_BYTES);
    const state = readPickle(bytes.data, path, bytes.begin);
    if (!(state instanceof PickleDict)) {
      throw new SinterError('UNSUPPORTED_MODEL', `${path}: must hold a dict of tensors`, {
        details: { file: path },
      });
    }
    const tensors = new Map<string, StridedTensor>();
    for (const [name, value] of state.entries) {
      // Numbers and texts among the values of the dict are no weights.
      if (typeof name !== 'string' || !(value instanceof PickleTensor)) continue;
      const storage = entries.get(`${folder}data/${value.storage.key}`);
      if (storage === undefined) throw corrupt(path, 0, `no storage for tensor ${show(name)}`);
      tensors.set(name, stridedTensor(path, name, value, storage));
      if (tensors.size > MAX_TENSORS)
        throw tooLarge(path, `must have at most ${MAX_TENSORS} tensors`);
    }
    return new TorchFile(path, { handle, stats }, tensors);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** An open file; make it with openTorchFile, end it with close. Same reading methods as SafetensorsFile. */
export class TorchFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StridedTensor>;
  private handle: FileHandle | null;
  private readonly stamp: FileStamp;

  constructor(
    path: string,
    { handle, stats }: OpenFile,
    tensors: ReadonlyMap<string, StridedTensor>,
  ) {
    this.path = path;
    this.handle = handle;
    this.stamp = stats;
    this.tensors = tensors;
  }

  /** As SafetensorsFile.readChunks. A tensor in another order than row-major is read whole first. */
  async *readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (!Number.isSafeInteger(maxBytes) || maxBytes < MAX_ELEMENT_BYTES) {
      throw rangeMistake('maxBytes', `an integer of at least ${MAX_ELEMENT_BYTES}`, maxBytes);
    }
    const step = maxBytes - (maxBytes % MAX_ELEMENT_BYTES);
    const tensor = this.tensor(name);
    if (!isRowMajor(tensor)) {
      const whole = await this.readBytes(name);
      for (let at = 0; at < whole.byteLength; at += step) yield whole.subarray(at, at + step);
      return;
    }
    const begin = await this.begin(tensor);
    const end = begin + bytesOf(tensor);
    const buffer = new Uint8Array(Math.min(step, end - begin));
    for (let position = begin; position < end; position += step) {
      const chunk = buffer.subarray(0, Math.min(step, end - position));
      await readInto(this.open(), this.path, position, chunk);
      yield chunk;
    }
  }

  /** The bytes of one tensor in row-major order, in memory of their own. */
  async readBytes(name: string): Promise<Uint8Array> {
    const tensor = this.tensor(name);
    const begin = await this.begin(tensor);
    const width = DTYPE_BYTES[tensor.dtype];
    const span = await readExactly(this.open(), this.path, begin, tensor.span * width);
    return isRowMajor(tensor) ? span : toRowMajor(tensor, span, width);
  }

  /** As SafetensorsFile.readFloats. */
  async readFloats(name: string): Promise<Float32Array> {
    const { dtype } = this.tensor(name);
    return readWidened(this.path, name, dtype, () => this.readBytes(name));
  }

  /** As SafetensorsFile.checkUnchanged. */
  async checkUnchanged(): Promise<void> {
    if (!(await isUnchanged(this.path, this.stamp))) throw changedWhileRead(this.path);
  }

  /** Closes the file; reading afterwards is DISPOSED. May be called twice. */
  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = null;
    await handle?.close();
  }

  /** Position of the first element of a tensor in the file. */
  private async begin({ storage, offset, dtype }: StridedTensor): Promise<number> {
    return (await beginOf(this.open(), this.path, storage)) + offset * DTYPE_BYTES[dtype];
  }

  private open(): FileHandle {
    if (this.handle === null) throw new SinterError('DISPOSED', `${this.path} is already closed`);
    return this.handle;
  }

  private tensor(name: string): StridedTensor {
    const tensor = this.tensors.get(name);
    if (tensor !== undefined) return tensor;
    throw new SinterError('CORRUPT_MODEL', `${this.path}: has no tensor ${show(name)}`, {
      details: { file: this.path },
    });
  }
}

function bytesOf({
  shape,
  dtype,
}: {
  readonly shape: readonly number[];
  readonly dtype: SafetensorsDtype;
}) {
  return shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
}

async function readEntry(handle: FileHandle, file: string, entry: ZipEntry, limit: number) {
  const begin = await beginOf(handle, file, entry);
  if (entry.bytes > limit) {
    throw corrupt(file, begin, `an entry must be at most ${limit} bytes, got ${entry.bytes}`);
  }
  return { begin, data: await readExactly(handle, file, begin, entry.bytes) };
}

/**
 * Checks the entry `byteorder`. Files of torch 1.13 and later have it; files without it are read as little-endian, the
 * order of nearly all machines that make models.
 */
async function checkByteOrder(handle: FileHandle, file: string, entry: ZipEntry | undefined) {
  if (entry === undefined) return;
  const order = new TextDecoder().decode((await readEntry(handle, file, entry, 64)).data).trim();
  if (order === 'little') return;
  throw new SinterError('UNSUPPORTED_MODEL', `${file}: unsupported byte order ${show(order)}`, {
    details: { file },
  });
}

async function refuseLegacy(handle: FileHandle, file: string): Promise<void> {
  const { size } = await handle.stat();
  const length = LEGACY_MAGIC.length / 2;
  const start = await readExactly(handle, file, 0, Math.min(length, size));
  if (Buffer.from(start).toString('hex') !== LEGACY_MAGIC) return;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: written by torch before 1.6, which is not read; load and save it with a newer torch, or as safetensors`,
    { details: { file } },
  );
}
