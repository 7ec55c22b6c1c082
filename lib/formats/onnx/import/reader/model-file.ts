/**
 * One file of a model, read by position: the window for parsing, exact pieces for tensors.
 *
 * The descriptor is open while the model is parsed; later reads open the file again and refuse it when it has changed, so
 * that a model in memory holds no descriptor. Reading is synchronous: a tensor is needed whole, at once, while importing.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { FileStamp } from '../../../../core/files.js';
import { MAX_POINTER_BYTES, pointerProblem } from '../../../../core/lfs-pointer.js';
import type { WireSource } from '../../wire-reader.js';
import { corruptOnnx } from './problem.js';

const WINDOW_BYTES = 64 * 1024;
/** One system call reads at most this much. */
const PIECE_BYTES = 2 ** 30;
/** A pipe with nobody at its other end must not stop us (Windows has no such flag). */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

export class ModelFile implements WireSource {
  readonly path: string;
  /** As errors name it. */
  readonly name: string;
  readonly size: number;
  readonly stamp: FileStamp;
  #descriptor: number | null = null;
  #window: Uint8Array = new Uint8Array(0);
  #windowBegin = 0;

  /** Opens a regular file. Throws CORRUPT_MODEL when there is none. */
  constructor(path: string, name: string = path) {
    this.path = path;
    this.name = name;
    this.#descriptor = openRegular(path, name);
    const { dev, ino, size, mtimeMs } = fstatSync(this.#descriptor);
    this.stamp = { dev, ino, size, mtimeMs };
    this.size = size;
  }

  /** Bytes [begin, end), which must lie in the file. Large pieces are memory of their own. */
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

  /** Gives the descriptor and the window back; reading goes on to work. */
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
  // A pointer in the model's own place is no model; in that of external data it has none of its numbers.
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
