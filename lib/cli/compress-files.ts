/**
 * What `sinter compress` writes: the model with its ONNX file and its report, or the report alone where the gate has failed.
 *
 * The rule: a refused model leaves the folder of an earlier one as it is; its report is beside it, under a name of its own.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { packageVersion } from '../core/package-files.js';
import { CompressionReport } from '../models/compression/report.js';
import type { TextModel } from '../models/text-model.js';
import { withPeers } from './compress-peers.js';
import type { Console } from './context.js';
import { machine } from './machine.js';
import type { OutFolder } from './out-folder.js';

export interface CompressionToWrite {
  readonly small: TextModel;
  readonly original: TextModel;
  readonly report: CompressionReport;
  readonly place: OutFolder;
  /** Rows whose texts speeds are measured on. */
  readonly rows: readonly unknown[];
  readonly out: string;
  readonly onnx: boolean;
  readonly seed: number;
  readonly args: readonly string[];
}

/** Where things were written. */
export interface WrittenCompression {
  readonly report: CompressionReport;
  /** The page. */
  readonly page: string;
}

export async function writeCompression(
  given: CompressionToWrite,
  out: Console,
): Promise<WrittenCompression> {
  const { small, place, onnx } = given;
  const report = await completed(given, out.signal);
  if (!report.verdict.passes) {
    await report.save(`${given.out}.refused.html`);
    await report.save(`${given.out}.refused.json`);
    return { report, page: `${given.out}.refused.html` };
  }
  await place.needs((await small.info()).storedBytes * 2);
  await place.write(async (folder) => {
    await small.save(folder);
    if (onnx) {
      await mkdir(join(folder, 'onnx'), { recursive: true });
      await small.exportOnnx(join(folder, 'onnx', onnxName(small)));
    }
    await report.save(join(folder, 'report.html'));
    await report.save(join(folder, 'report.json'));
  });
  return { report, page: join(given.out, 'report.html') };
}

function onnxName({ quantization }: TextModel): string {
  return quantization === null ? 'model.onnx' : 'model_quantized.onnx';
}

/** The report with the machine, and with the speeds of ONNX Runtime where it is installed. */
async function completed(
  { small, original, report, rows, seed, args }: CompressionToWrite,
  signal: AbortSignal,
): Promise<CompressionReport> {
  const { data } = report;
  const variants = await withPeers(data.variants, [original, small], rows, signal);
  const { cpu, isa, threads } = machine();
  const date = `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const versions = { Sinter: packageVersion(), 'Node.js': process.version.slice(1) };
  const command = ['sinter', ...args].join(' ');
  const environment = { cpu, isa, threads, versions, date, command, seed };
  return new CompressionReport({ ...data, variants, environment });
}
