/**
 * Places weights in a second file beside the model: because one protobuf file holds at most 2 GB, or because the caller wants
 * it.
 *
 * Small constants stay inside, because a runtime must know shapes and axes before it reads external data. Each tensor begins
 * on a page, so that a runtime can map the file.
 */

import { type GraphSpec, type TensorSpec, tensorBytes } from './proto.js';
import { exactly } from './wire.js';

const PAGE_BYTES = 4096;
const MIN_OUTSIDE = 1024;

export interface PlacedGraph {
  readonly graph: GraphSpec;
  /** Size of the second file in bytes. */
  readonly size: number;
  /** Bytes of the second file. */
  readonly data: () => AsyncGenerator<Uint8Array>;
}

/** Moves the large tensors of `graph` to the second file, named `file`. */
export function placeOutside(graph: GraphSpec, file: string): PlacedGraph {
  let end = 0;
  const placed: TensorSpec[] = [];
  const tensors = graph.tensors.map((tensor) => {
    if (tensor.byteLength < MIN_OUTSIDE) return tensor;
    const offset = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
    end = offset + tensor.byteLength;
    const outside = { ...tensor, place: { file, offset } };
    placed.push(outside);
    return outside;
  });
  return { graph: { ...graph, tensors }, size: end, data: () => bytesOf(placed) };
}

async function* bytesOf(tensors: readonly TensorSpec[]): AsyncGenerator<Uint8Array> {
  let end = 0;
  for (const { place, type, dims, bytes } of tensors) {
    const offset = place?.offset ?? 0;
    if (offset > end) yield new Uint8Array(offset - end);
    yield* exactly(tensorBytes(type, dims), bytes());
    end = offset + tensorBytes(type, dims);
  }
}
