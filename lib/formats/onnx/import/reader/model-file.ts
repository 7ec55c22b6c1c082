/**
 * One file of a model, read by position: through a window while parsing, in exact pieces for tensors.
 *
 * The descriptor is open while the model is parsed. Later reads open the file again and refuse it when it has changed, so
 * that a model in memory holds no descriptor. Reading is synchronous, because the import needs a tensor whole and at once.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { FileStamp } from '../../../../core/files.js';
import { MAX_POINTER_BYTES, pointerProblem } from '../../../../core/lfs-pointer.js';
import type { WireSource } from '../../wire-reader.js';
import { corruptOnnx } from './problem.js';

const WINDOW_BYTES = 64 * 1024;
/** Most bytes of one system call. */
const PIECE_BYTES = 2 ** 30;
/** Without O_NONBLOCK, opening a pipe that nobody writes to would block forever (Windows has no such flag). */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export class ModelFile implements WireSource {
  readonly path: string;
  /** Name of the file in messages. */
  readonly name: string;
  readonly size: number;
  readonly stamp: FileStamp;
  #descriptor: number | null = null;
  #window: Uint8Array = new Uint8Array(0);
  #windowBegin = 0;

  /** Opens a regular file. Throws CORRUPT_MODEL when there is none at `path`. */
  constructor(path: string, name: string = path) {
    this.path = path;
    this.name = name;
    this.#descriptor = openRegular(path, name);
    const { dev, ino, size, mtimeMs } = fstatSync(this.#descriptor);
    this.stamp = { dev, ino, size, mtimeMs };
    this.size = size;
  }

  /**
   * Returns bytes [begin, end), which must lie in the file. Pieces larger than the window are copies; smaller ones are views
   * of it.
   */
  read(begin: number, end: number): Uint8Array {
    const from = begin - this.#windowBegin;
    if (from >= 0 && end - this.#windowBegin <= this.#window.length) {
      return this.#window.subarray(from, from + (end - begin));
    }
    if (end - begin > WINDOW_BYTES || this.#descriptor === null)
      return this.#readExactly(begin, end);
    this.#window = this.#readExactly(begin, Math.min(this.size, begin + WINDOW_BYTES));
    this.#windowBegin = begin;
    return this.#window.subarray(0, end - begin);
  }

  /** Closes the descriptor and drops the window. Later reads open the file again. */
  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
    this.#window = new Uint8Array(0);
    this.#windowBegin = 0;
  }

  #readExactly(begin: number, end: number): Uint8Array {
    const descriptor = this.#descriptor ?? this.#reopen();
    try {
      const bytes = new Uint8Array(end - begin);
      for (let at = 0; at < bytes.length; ) {
        const wanted = Math.min(PIECE_BYTES, bytes.length - at);
        const got = readSync(descriptor, bytes, at, wanted, begin + at);
        if (got === 0) throw corruptOnnx(this.name, 'data', 'became shorter while it was read');
        at += got;
      }
      return bytes;
    } finally {
      if (descriptor !== this.#descriptor) closeSync(descriptor);
    }
  }

  #reopen(): number {
    const descriptor = openRegular(this.path, this.name);
    const now = fstatSync(descriptor);
    const then = this.stamp;
    if (now.ino === then.ino && now.size === then.size && now.mtimeMs === then.mtimeMs) {
      return descriptor;
    }
    closeSync(descriptor);
    throw corruptOnnx(this.name, 'data', 'has changed since the model was read');
  }
}

function openRegular(path: string, name: string): number {
  let descriptor: number;
  try {
    descriptor = openSync(path, READ_ONLY);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cause;
    throw corruptOnnx(name, 'data', 'no such file', {}, cause);
  }
  const what = whyNotRead(descriptor);
  if (what === null) return descriptor;
  const isFile = fstatSync(descriptor).isFile();
  closeSync(descriptor);
  // A Git LFS pointer in place of the model file means that there is no model; in place of external data, that its numbers
  // are missing.
  throw corruptOnnx(name, isFile && name === path ? 'parse' : 'data', what);
}

function whyNotRead(descriptor: number): string | null {
  const stats = fstatSync(descriptor);
  if (!stats.isFile()) return 'not a regular file';
  if (stats.size >= MAX_POINTER_BYTES) return null;
  const head = new Uint8Array(stats.size);
  return pointerProblem(
    head.subarray(0, readSync(descriptor, head, 0, head.length, 0)),
    stats.size,
  );
}
