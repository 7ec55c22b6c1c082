/**
 * ONNX files through the whole import to a native program, run on recorded inputs.
 */

import { type BuiltFolder, buildFolder, verifyFolder } from '../../../lib/checkpoint/load-model.js';
import { type ImportedFolder, readOnnxFolder } from '../../../lib/checkpoint/onnx/onnx-folder.js';
import type { Verification } from '../../../lib/checkpoint/onnx/verify-onnx.js';
import type { Tensor } from '../../../lib/formats/onnx/import/model.js';
import type { OutputName } from '../../../lib/graph/types.js';
import { validateGraph } from '../../../lib/graph/validate.js';
import { ensureLanes } from '../../../lib/native/lanes.js';
import { runBatch } from '../../../lib/runtime/forward.js';

export interface Imported extends BuiltFolder {
  readonly folder: ImportedFolder;
  readonly verification: Verification;
}

/** Imports, builds and verifies `file` as the task that it is of. */
export async function importProgram(
  file: string,
  widen: boolean,
  firstPosition?: number,
): Promise<Imported> {
  ensureLanes('test', 2);
  const folder = await readOnnxFolder(file, { widen, firstPosition });
  const settings = { lanes: undefined, signal: undefined, seed: 0 };
  const built = await buildFolder('test', folder, { task: folder.named.head.task }, settings);
  try {
    const verification = await verifyFolder(folder, built.graph, built.program);
    return { ...built, folder, verification };
  } catch (error) {
    built.program.dispose();
    throw error;
  }
}

/** The file's outputs from the program, in the file's padded layout (padding is 0). */
export async function runRecorded(
  { folder, graph, program }: Imported,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Float32Array>> {
  const { found, inputs: known } = folder.imported.recovered;
  const role = (wanted: string) => {
    const name = [...known.roles].find(([, is]) => is === wanted)?.[0];
    return name === undefined ? undefined : inputs.get(name);
  };
  const ids = role('ids');
  if (ids === undefined) throw new Error('no ids');
  const [batch = 1, length = 1] = ids.dims;
  const mask = role('mask');
  const kept = [...ids.data.keys()].filter((t) => (mask?.data[t] ?? 1) !== 0);
  const offsets = new Int32Array(batch + 1);
  for (const t of kept) {
    const b = Math.floor(t / length) + 1;
    offsets[b] = (offsets[b] ?? 0) + 1;
  }
  for (let b = 0; b < batch; b++) offsets[b + 1] = (offsets[b + 1] ?? 0) + (offsets[b] ?? 0);
  const segments = role('segments');
  const batchIn = {
    ids: Int32Array.from(kept, (t) => ids.data[t] ?? 0),
    offsets,
    segments:
      graph.segments > 1 && segments ? Int32Array.from(kept, (t) => segments.data[t] ?? 0) : null,
  };
  const results = new Map<string, Float32Array>();
  for (const { file, name, column } of found) {
    const { kind, width } = shapeOf(graph, name);
    const data = new Float32Array((kind === 'sequence' ? batch : kept.length) * width);
    const call = { where: 'test', signal: undefined };
    await runBatch(program, batchIn, name, data, call);
    const columns = column === null ? [...Array(width).keys()] : [column];
    const rows = kind === 'sequence' ? [...Array(batch).keys()] : kept;
    const total = kind === 'sequence' ? batch : batch * length;
    const padded = new Float32Array(total * columns.length);
    rows.forEach((row, r) => {
      columns.forEach((c, k) => {
        padded[row * columns.length + k] = data[r * width + c] ?? 0;
      });
    });
    results.set(file, padded);
  }
  return results;
}

function shapeOf(graph: BuiltFolder['graph'], name: OutputName) {
  const shape = validateGraph(graph).get(graph.outputs[name] ?? '');
  if (shape === undefined) throw new Error(`no output ${name}`);
  return shape;
}
