/**
 * A training's state on disk: the trainer's buffers in a safetensors file, with the caller's JSON in its header.
 *
 * A digest covers all of it and is checked before the trainer changes: the restored state is bit for bit the saved one, or
 * the file is refused. The file appears whole or not at all.
 */

import { createHash, type Hash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { SinterError, throwIfAborted } from '../core/errors.js';
import { type JsonObject, jsonObjectOf } from '../core/json.js';
import { openSafetensors, type SafetensorsFile } from '../formats/safetensors.js';
import { type TensorToWrite, writeSafetensors } from '../formats/safetensors-writer.js';
import { runJob } from '../native/jobs.js';
import type { NativeTrainer, StateBuffer, TrainerState } from '../native/training.js';
import { areFinite, divergence } from './divergence.js';

/** Bytes that are copied and hashed at a time: about 2 ms of the JavaScript thread. */
const PIECE = 1 << 20;
const FORMAT = 'sinter-training-1';
const ANY_FORMAT = /^sinter-training-/;
/** Name of the tensor with bytes of the caller; buffers of a trainer have names with a colon. */
const REPORT = 'report';

export interface Checkpoint {
  /** Steps that the optimizer has taken. */
  readonly steps: number;
  readonly extra: JsonObject;
  /** Bytes of the caller; left out if there are none. */
  readonly report?: Uint8Array;
}

/**
 * Saves the trainer's state, `extra`, which is small, and `report`, which may be large. No step may run meanwhile. Throws INVALID_DATA, and writes nothing, if a number is
 * not finite: the file in its place stays.
 */
export async function writeCheckpoint(
  path: string,
  trainer: NativeTrainer,
  extra: JsonObject,
  signal?: AbortSignal,
  report: Uint8Array = new Uint8Array(),
): Promise<void> {
  const state = trainer.state();
  const saved = JSON.stringify({ steps: state.steps, extra });
  const hash = newHash(saved, state);
  for (const buffer of state.buffers) {
    for (const piece of piecesOf(trainer, buffer)) {
      throwIfAborted(signal, 'train');
      checkFinite(path, buffer, piece);
      hash.update(piece);
      await turn();
    }
  }
  hash.update(report);
  const tensors: TensorToWrite[] = state.buffers.map((buffer) => ({
    name: buffer.name,
    dtype: buffer.dtype === 'u8' ? 'U8' : 'F32',
    shape: [buffer.elements],
    data: () => piecesOf(trainer, buffer),
  }));
  if (report.length > 0)
    tensors.push({ name: REPORT, dtype: 'U8', shape: [report.length], data: report });
  await writeSafetensors(path, tensors, { format: FORMAT, saved, digest: hash.digest('hex') });
}

function checkFinite(path: string, { name, dtype }: StateBuffer, piece: Uint8Array): void {
  if (dtype === 'u8') return;
  if (areFinite(new Float32Array(piece.buffer, piece.byteOffset, piece.byteLength / 4))) return;
  const what = `is not written, because ${name} holds a number that is not finite`;
  throw divergence(`${path} ${what}`, { file: path, tensor: name });
}

/**
 * Restores the saved state in a trainer of the same model and optimizer. `check` sees what was saved with it first. Throws
 * CORRUPT_MODEL if the file is damaged, INVALID_DATA if it is of another model or optimizer; the trainer is unchanged then.
 */
export async function readCheckpoint(
  path: string,
  trainer: NativeTrainer,
  signal?: AbortSignal,
  check: (extra: JsonObject) => void = () => {},
): Promise<Checkpoint> {
  const file = await openSafetensors(path);
  try {
    const { saved, digest, checkpoint } = readHeader(file);
    const state = trainer.state();
    check(checkpoint.extra);
    checkBuffers(file, state);
    const hash = newHash(saved, { ...state, steps: checkpoint.steps });
    for (const { name } of state.buffers) {
      for await (const piece of file.readChunks(name, PIECE)) {
        throwIfAborted(signal, 'train');
        hash.update(piece);
      }
    }
    const report = await readReport(file);
    hash.update(report);
    if (hash.digest('hex') !== digest) throw damaged(path, 'its digest does not fit its bytes');
    for (const { name } of state.buffers) {
      let begin = 0;
      for await (const piece of file.readChunks(name, PIECE)) {
        await runJob('train', undefined, (jobId) => trainer.writeState(name, begin, piece, jobId));
        begin += piece.byteLength;
      }
    }
    await file.checkUnchanged();
    await runJob('train', undefined, (jobId) => trainer.restore(checkpoint.steps, jobId));
    return report.length === 0 ? checkpoint : { ...checkpoint, report };
  } finally {
    await file.close();
  }
}

async function readReport(file: SafetensorsFile): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  if (!file.tensors.has(REPORT)) return new Uint8Array();
  for await (const piece of file.readChunks(REPORT, PIECE)) pieces.push(piece.slice());
  return new Uint8Array(Buffer.concat(pieces));
}

function* piecesOf(trainer: NativeTrainer, buffer: StateBuffer): Generator<Uint8Array> {
  const size = bytesOf(buffer);
  for (let begin = 0; begin < size; begin += PIECE) {
    yield trainer.readState(buffer.name, begin, Math.min(size, begin + PIECE));
  }
}

function bytesOf({ dtype, elements }: StateBuffer): number {
  return dtype === 'u8' ? elements : 4 * elements;
}

/** A new digest that covers everything except the bytes of the buffers. */
function newHash(saved: string, { buffers }: TrainerState): Hash {
  return createHash('sha256').update(JSON.stringify([saved, buffers]));
}

function readHeader(file: SafetensorsFile) {
  const { format, saved, digest } = file.metadata;
  if (format !== undefined && format !== FORMAT && ANY_FORMAT.test(format)) {
    const what = `is a checkpoint of another version (${format}, this one reads ${FORMAT})`;
    throw new SinterError('INVALID_DATA', `${file.path}: ${what}; start the training again`, {
      details: { file: file.path },
    });
  }
  if (format !== FORMAT || saved === undefined || digest === undefined)
    throw new SinterError('INVALID_DATA', `${file.path}: is not a checkpoint of a training`, {
      details: { file: file.path },
    });
  const json = jsonObjectOf(saved);
  const { steps, extra } = json ?? {};
  const isCount = Number.isSafeInteger(steps) && (steps as number) >= 0;
  const kept = extra as JsonObject | undefined;
  if (!isCount || typeof kept !== 'object' || kept === null || Array.isArray(kept))
    throw damaged(file.path, 'its header must hold steps and extra');
  return { saved, digest, checkpoint: { steps: steps as number, extra: kept } };
}

/** Throws INVALID_DATA unless the file has exactly the trainer's buffers. */
function checkBuffers(file: SafetensorsFile, { buffers }: TrainerState): void {
  const other = (what: string) =>
    new SinterError('INVALID_DATA', `${file.path}: is of another model or optimizer: ${what}`, {
      details: { file: file.path },
    });
  for (const buffer of buffers) {
    const entry = file.tensors.get(buffer.name);
    if (entry === undefined) throw other(`it has no ${buffer.name}`);
    const dtype = buffer.dtype === 'u8' ? 'U8' : 'F32';
    if (entry.dtype !== dtype || entry.end - entry.begin !== bytesOf(buffer))
      throw other(`${buffer.name} must have ${buffer.elements} numbers of ${dtype}`);
  }
  const size = file.tensors.size - (file.tensors.has(REPORT) ? 1 : 0);
  if (size !== buffers.length) throw other(`it has ${size} buffers, the trainer ${buffers.length}`);
}

function damaged(path: string, what: string): SinterError {
  return new SinterError('CORRUPT_MODEL', `${path}: the checkpoint is damaged: ${what}`, {
    details: { file: path },
  });
}
