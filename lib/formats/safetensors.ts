/**
 * Reads safetensors: checks the header when a file is opened, then reads tensors in chunks through one reused buffer.
 *
 * A chunk is valid only until the next one is requested: so the peak memory of a load is the weights themselves plus
 * one chunk.
 */

import type { FileHandle } from 'node:fs/promises';
import { rangeMistake, SinterError, show } from '../core/errors.js';
import { type FileStamp, isUnchanged } from '../core/files.js';
import { changedWhileRead, type OpenFile, openModelFile, tooLarge } from '../core/json.js';
import { checkJsonShape } from '../core/json-shape.js';
import { MAX_JSON_VALUES } from '../core/limits.js';
import { readExactly, readInto } from './read-exactly.js';
import { readWidened } from './read-widened.js';
import {
  corrupt,
  HEADER_START,
  headerLength,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensors-header.js';

export type { SafetensorsDtype, TensorEntry } from './safetensors-header.js';

/** Largest element of any dtype; chunks are multiples of it, so no element is ever split. */
const MAX_ELEMENT_BYTES = 8;

/** Opens a file and checks its header. Throws CORRUPT_MODEL (file, byteOffset) for a wrong one. */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { handle, stats } = await openModelFile(path);
  try {
    const { size } = stats;
    const prefix = await readExactly(handle, path, 0, Math.min(HEADER_START, size));
    const json = await readExactly(handle, path, HEADER_START, headerLength(prefix, path, size));
    await checkJsonShape(json, MAX_JSON_VALUES, (what, isTooDeep) => {
      const message = `header, which is JSON, ${what}`;
      return isTooDeep ? corrupt(path, HEADER_START, message) : tooLarge(path, message);
    });
    return new SafetensorsFile(path, { handle, stats }, await parseHeader(json, path, size));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A tensor's bytes in an open file. */
export interface FilePlace {
  readonly path: string;
  /** Number of the open file. */
  readonly file: number;
  readonly position: number;
  readonly bytes: number;
}

/** An open file; make it with openSafetensors, end it with close. */
export class SafetensorsFile {
  readonly path: string;
  /** `__metadata__` of the file; empty when absent. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Tensors by name, in the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  private handle: FileHandle | null;
  private readonly stamp: FileStamp;
  /** Buffer of the last reader, kept for the next one: garbage of this size would stay in memory beyond a load. */
  private spare: Uint8Array | null = null;

  constructor(path: string, { handle, stats }: OpenFile, header: SafetensorsHeader) {
    this.path = path;
    this.metadata = header.metadata;
    this.tensors = header.tensors;
    this.handle = handle;
    this.stamp = stats;
  }

  /**
   * The bytes of one tensor (little-endian, row-major), at most `maxBytes` at a time and always
   * whole elements. Each chunk is a view of one buffer that the next chunk overwrites.
   */
  async *readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    if (!Number.isSafeInteger(maxBytes) || maxBytes < MAX_ELEMENT_BYTES) {
      throw rangeMistake('maxBytes', `an integer of at least ${MAX_ELEMENT_BYTES}`, maxBytes);
    }
    const { begin, end } = this.entry(name);
    const step = maxBytes - (maxBytes % MAX_ELEMENT_BYTES);
    // The buffer is taken away while in use, so that a concurrent reader allocates its own.
    const buffer = this.spare?.byteLength === step ? this.spare : new Uint8Array(step);
    this.spare = null;
    try {
      for (let position = begin; position < end; position += step) {
        const chunk = buffer.subarray(0, Math.min(step, end - position));
        await readInto(this.open(), this.path, position, chunk);
        yield chunk;
      }
    } finally {
      this.spare = buffer;
    }
  }

  /** Where the bytes of one tensor are, for a reader that is done before the file is closed. */
  placeOf(name: string): FilePlace {
    const { begin, end } = this.entry(name);
    return { path: this.path, file: this.open().fd, position: begin, bytes: end - begin };
  }

  /** The bytes of one tensor in memory of its own. */
  async readBytes(name: string): Promise<Uint8Array> {
    const { begin, end } = this.entry(name);
    return readExactly(this.open(), this.path, begin, end - begin);
  }

  /**
   * An F32, F16 or BF16 tensor widened to f32, flat and row-major. Other dtypes: UNSUPPORTED_MODEL.
   */
  async readFloats(name: string): Promise<Float32Array> {
    const { dtype } = this.entry(name);
    return readWidened(this.path, name, dtype, () => this.readBytes(name));
  }

  /** Throws CORRUPT_MODEL where the file has changed since it was opened. Call it after the last read. */
  async checkUnchanged(): Promise<void> {
    if (!(await isUnchanged(this.path, this.stamp))) throw changedWhileRead(this.path);
  }

  /** Closes the file; reading afterwards is DISPOSED. May be called twice. */
  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = null;
    await handle?.close();
  }

  private open(): FileHandle {
    if (this.handle === null) throw new SinterError('DISPOSED', `${this.path} is already closed`);
    return this.handle;
  }

  private entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry !== undefined) return entry;
    throw new SinterError('CORRUPT_MODEL', `${this.path}: has no tensor ${show(name)}`, {
      details: { file: this.path },
    });
  }
}
