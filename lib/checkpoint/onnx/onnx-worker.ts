/**
 * The worker thread behind `openOnnxFolder`: it holds the imported file and serves one folder.
 */

import { parentPort } from 'node:worker_threads';
import { SinterError } from '../../core/errors.js';
import { Given, type Port, ThreadPort } from '../../core/thread.js';
import type { EncoderGraph, OutputName } from '../../graph/types.js';
import { CachedOnnx, type OpeningSettings } from './cached-onnx.js';
import type { CachePlace, OpenedOnnx, RunMessage } from './onnx-thread.js';

interface OpenMessage extends OpeningSettings {
  readonly file: string;
  /** Place of the cache entry; null: no cache. */
  readonly place: CachePlace | null;
}

interface VerifyMessage {
  readonly graph: EncoderGraph;
  readonly replaced: readonly OutputName[];
}

class OnnxWorker {
  private readonly port: ThreadPort;
  private onnx: CachedOnnx | null = null;

  constructor(port: Port) {
    this.port = new ThreadPort(port, {
      open: (message: OpenMessage) => this.open(message),
      read: (name: string) => this.read(name),
      checkUnchanged: () => this.opened().folder.checkUnchanged(),
      expect: ({ graph, replaced }: VerifyMessage) => this.opened().expect(graph, replaced),
      verify: (message: VerifyMessage) => this.verify(message),
    });
  }

  private async open({ file, place, ...settings }: OpenMessage): Promise<OpenedOnnx> {
    this.onnx = await CachedOnnx.open(file, settings, place);
    const { path, weights, close, readOwned, quantized, checkUnchanged, ...opened } =
      this.onnx.folder;
    return { ...opened, stored: this.onnx.stored };
  }

  private read(name: string): Given {
    return new Given(this.opened().folder.readOwned(name));
  }

  private async verify({ graph, replaced }: VerifyMessage) {
    const run = (output: OutputName, probe: RunMessage['probe'], wide: boolean) =>
      this.port.call<Float32Array>('run', { output, probe, wide } satisfies RunMessage);
    return this.opened().verify(graph, { run }, replaced);
  }

  private opened(): CachedOnnx {
    if (this.onnx !== null) return this.onnx;
    throw new SinterError('INTERNAL', 'no ONNX file is open');
  }
}

if (parentPort === null) throw new Error('onnx-worker: must run as a worker thread');
new OnnxWorker(parentPort as Port);
