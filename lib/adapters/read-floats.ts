/** Reads whole weights of a store as f32. */

import { shapeOf } from '../graph/rewrite/tables.js';
import type { EncoderGraph } from '../graph/types.js';
import type { NativeStore } from '../native/program.js';
import { floatsOf, readWhole } from '../runtime/program.js';

export async function readFloats(
  where: string,
  graph: EncoderGraph,
  store: NativeStore,
  name: string,
): Promise<Float32Array> {
  const [bytes] = await readWhole(where, store, { name, shape: shapeOf(graph, name) }, 'f32');
  return floatsOf(bytes as Uint8Array);
}
