/**
 * An ONNX file as a model folder, imported and verified by a worker thread, so that the event loop stays free.
 *
 * Only small data crosses the border (config, names, shapes, locations), outputs on the probe, and one at a time the weights
 * that are not read as stored in the file. The worker ends with the folder.
 */

import { setImmediate } from 'node:timers/promises';
import { SinterError } from '../../core/errors.js';
import type { FileStamp } from '../../core/files.js';
import { WorkerThread } from '../../core/worker-thread.js';
import type { Probe } from '../../formats/onnx/import/index.js';
import { type StoredTensor, type TensorSource, WeightFiles } from '../../formats/weight-files.js';
import type { OutputName } from '../../graph/types.js';
import type { OpeningSettings } from './cached-onnx.js';
import type { OnnxFolder } from './recovered-folder.js';
import { type StoredContents, StoredTensors } from './stored-tensors.js';
import type { Verification } from './verify-onnx.js';

/** Reply of the worker for an imported file: the parts of the folder that are plain data. */
export interface OpenedOnnx
  extends Omit<OnnxFolder, 'path' | 'weights' | 'checkUnchanged' | 'close' | 'verify'> {
  /** Location of the weights in the file; null where the worker has to read them. */
  readonly stored: StoredContents | null;
}

/** Place of a file's entry in the cache. */
export interface CachePlace {
  readonly folder: string;
  readonly key: string;
  /** Stamp of the file when its content was hashed for the key. */
  readonly stamp: FileStamp;
}

/** Request of the worker, while it verifies, for an output of the program. */
export interface RunMessage {
  readonly output: OutputName;
  readonly probe: Probe;
  readonly wide: boolean;
}

export interface ThreadSettings extends OpeningSettings {
  /** Name of the call in messages. */
  readonly where: string;
  /** Aborting it ends the import at once. */
  readonly signal: AbortSignal | undefined;
}

/**
 * Imports `file` in a worker thread, which writes the cache entry at `place` (null: no cache). Throws as `readOnnxFolder`
 * does, and CANCELLED.
 */
export async function importInThread(
  file: string,
  { where, signal, widen, firstPosition, verified }: ThreadSettings,
  place: CachePlace | null,
): Promise<OnnxFolder> {
  const thread = new WorkerThread('onnx-worker', { where, signal });
  try {
    const message = { file, place, widen, firstPosition, verified };
    const { stored, ...opened } = await thread.call<OpenedOnnx>('open', message);
    const source = stored
      ? new StoredTensors(file, stored)
      : new ThreadTensors(file, opened, thread);
    return {
      ...opened,
      path: file,
      weights: new WeightFiles([{ prefix: '', source }]),
      checkUnchanged: async () => {
        await thread.call<void>('checkUnchanged', null);
        await source.checkUnchanged();
      },
      close: async () => {
        await source.close();
        await thread.close();
      },
      expect: (graph, replaced) => {
        // The error is thrown by `verify`.
        thread.call<void>('expect', { graph, replaced }).catch(() => {});
      },
      verify: async (graph, program, replaced) => {
        const { ProgramOutputs } = await import('./probe-outputs.js');
        const outputs = new ProgramOutputs(graph, program);
        // Begins now, while the worker evaluates the file.
        outputs.widen();
        thread.serve({
          run: ({ output, probe, wide }: RunMessage) => outputs.run(output, probe, wide),
        });
        try {
          return await thread.call<Verification>('verify', { graph, replaced });
        } finally {
          await outputs.close();
        }
      },
    };
  } catch (error) {
    await thread.close();
    throw error;
  }
}

/** Reads weights that the worker converts on demand. */
class ThreadTensors implements TensorSource {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
  private readonly thread: WorkerThread;

  constructor(
    path: string,
    { tensors, metadata }: Pick<OpenedOnnx, 'tensors' | 'metadata'>,
    thread: WorkerThread,
  ) {
    this.path = path;
    this.tensors = tensors;
    this.metadata = metadata;
    this.thread = thread;
  }

  async *readChunks(name: string, maxBytes: number): AsyncGenerator<Uint8Array, void, undefined> {
    const bytes = await this.bytesOf(name);
    const step = maxBytes - (maxBytes % 8);
    for (let begin = 0; begin < bytes.length; begin += step) {
      yield bytes.subarray(begin, begin + step);
      // All bytes are here already: without a pause the event loop would get no turn until the last one.
      if (begin + step < bytes.length) await setImmediate();
    }
  }

  async readFloats(name: string): Promise<Float32Array> {
    if (this.tensors.get(name)?.dtype !== 'F32') {
      throw new SinterError('INTERNAL', `${this.path}: ${name} does not hold floats`);
    }
    const { buffer, byteOffset, byteLength } = await this.bytesOf(name);
    return new Float32Array(buffer, byteOffset, byteLength / 4);
  }

  /** The folder's own check covers the file. */
  async checkUnchanged(): Promise<void> {}

  async close(): Promise<void> {}

  private bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
    return this.thread.call<Uint8Array<ArrayBuffer>>('read', name);
  }
}
