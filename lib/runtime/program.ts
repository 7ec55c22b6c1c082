/**
 * Makes programs: fills one with weights, or derives one from the weights of another.
 *
 * The rule: weights that go from one program to another never pass through JavaScript.
 */

import { setImmediate } from 'node:timers/promises';
import { throwIfAborted } from '../core/errors.js';
import { endedEarly } from '../core/json.js';
import { Turn } from '../core/turns.js';
import type { WeightCut } from '../graph/rewrite/cut.js';
import { bytesOfWeight, STORAGES } from '../graph/storages.js';
import type { EncoderGraph, WeightDtype, WeightSpec } from '../graph/types.js';
import { runJob } from '../native/jobs.js';
import { native, toSinterError } from '../native/native.js';
import type {
  NativeFilePart,
  NativeProgram,
  NativeStore,
  ProgramOptions,
  StoreWeight,
} from '../native/program.js';

/** Elements that are read or written in one call: well below a millisecond. */
const PIECE_ELEMENTS = 1 << 18;

/** Bytes of weights that may be written before they are packed. */
const PLAIN_BYTES = 8 << 20;

/** A part of a weight in a file, whose path is for messages. */
export interface FilePart extends NativeFilePart {
  readonly path: string;
}

/**
 * Writes one whole weight into a store that has no sealed program yet, or gives the parts of files that it is made of: these are read
 * while JavaScript goes on.
 */
export type WeightWriter = (
  store: NativeStore,
  weight: WeightSpec,
) => void | Promise<void> | Promise<readonly FilePart[]>;

export interface BuildOptions extends ProgramOptions {
  /** Name of the call in messages. Default: `load`. */
  readonly where?: string;
  readonly signal?: AbortSignal | undefined;
}

/** A sealed program for `graph` with a store of its own; `write` writes every weight. On failure everything is freed. */
export async function buildProgram(
  graph: EncoderGraph,
  options: BuildOptions,
  write: WeightWriter,
): Promise<NativeProgram> {
  return fillProgram(graph, graph.weights, options, write);
}

/** Differences between the weights of a derived program and those of its source. */
export interface Derivation {
  /** The store that has a weight, by the weight's new name. Default: that of the source. */
  readonly storeOf?: (name: string) => NativeStore;
  /** Name of a weight in the source. Default: the same name. */
  readonly nameOf?: (name: string) => string;
  /** Rows and columns that remain, by the weight's new name. */
  readonly cuts?: ReadonlyMap<string, WeightCut>;
  /** Divisors of the columns, applied before the weight is stored, by the weight's new name. */
  readonly divisors?: ReadonlyMap<string, Float32Array>;
  /** Numbers of weights that the source does not have. */
  readonly written?: ReadonlyMap<string, Float32Array>;
}

/**
 * A sealed program for `graph` with a new store over the weights of `source`. A weight with the same shape and storage is
 * shared in memory; a weight in another storage is converted on the lanes.
 */
export async function deriveProgram(
  graph: EncoderGraph,
  source: NativeStore,
  options: BuildOptions,
  {
    storeOf = () => source,
    nameOf = (name) => name,
    cuts = new Map(),
    divisors = new Map(),
    written = new Map(),
  }: Derivation = {},
): Promise<NativeProgram> {
  const weights = graph.weights.map((weight): StoreWeight => {
    if (written.has(weight.name)) return weight;
    const divisor = divisors.get(weight.name);
    const { rows, columns } = cuts.get(weight.name) ?? {};
    const from = {
      store: storeOf(weight.name),
      name: nameOf(weight.name),
      ...(rows && { rows: Int32Array.from(rows) }),
      ...(columns && { columns: Int32Array.from(columns) }),
      ...(divisor && { divisor }),
    };
    return { ...weight, from };
  });
  const write: WeightWriter = (store, { name }) =>
    store.writeWeight(name, 0, 'f32', bytesOf(written.get(name) as Float32Array));
  return fillProgram(graph, weights, options, write, source);
}

/** A sealed program for `graph` over the weights of `store`. The caller keeps the store and disposes of it. */
export async function programOver(
  graph: EncoderGraph,
  store: NativeStore,
  { where = 'load', signal, ...options }: BuildOptions,
): Promise<NativeProgram> {
  let program: NativeProgram | undefined;
  try {
    const made = new (native().Program)(graph, store, options);
    program = made;
    await setImmediate();
    await inTurnOver(store, () => runJob(where, signal, (jobId) => made.seal(jobId)));
    return made;
  } catch (error) {
    program?.dispose();
    throw toSinterError(error);
  }
}

/** The last program that was sealed, or is being sealed, over each store. */
const sealed = new WeakMap<NativeStore, Promise<unknown>>();

/** Runs `work` after those that were asked for before: a store packs weights for one program at a time. */
function inTurnOver<T>(store: NativeStore, work: () => Promise<T>): Promise<T> {
  const before = sealed.get(store) ?? Promise.resolve();
  const own = before.then(work);
  sealed.set(
    store,
    own.catch(() => undefined),
  );
  return own;
}

async function fillProgram(
  graph: EncoderGraph,
  weights: readonly StoreWeight[],
  { where = 'load', signal, ...options }: BuildOptions,
  write: WeightWriter,
  source?: NativeStore,
): Promise<NativeProgram> {
  let store: NativeStore | undefined;
  let program: NativeProgram | undefined;
  try {
    const make = async () => new (native().Store)(weights);
    const made = await (source === undefined ? make() : inTurnOver(source, make));
    store = made;
    await setImmediate();
    program = new (native().Program)(graph, made, options);
    await setImmediate();
    // The first number on a large page makes all of it resident.
    const turn = new Turn();
    let plain = 0;
    const parts: FilePart[] = [];
    for (const weight of weights) {
      if (weight.from !== undefined) continue;
      if (turn.isOver) await turn.end();
      parts.push(...((await write(made, weight)) ?? []));
      plain += bytesOfWeight(weight);
      if (plain < PLAIN_BYTES) continue;
      await readParts(made, parts.splice(0), () => throwIfAborted(signal, where));
      await runJob(where, signal, (jobId) => made.pack(jobId));
      plain = 0;
    }
    await readParts(made, parts.splice(0), () => throwIfAborted(signal, where));
    const filled = program;
    await runJob(where, signal, (jobId) => filled.seal(jobId));
    return filled;
  } catch (error) {
    program?.dispose();
    store?.dispose();
    throw toSinterError(error);
  }
}

/** Reads weights from files, some megabytes at a time, with `check` between them. Throws CORRUPT_MODEL where a file ends before. */
async function readParts(
  store: NativeStore,
  parts: readonly FilePart[],
  check: () => void,
): Promise<void> {
  for (let begin = 0; begin < parts.length; ) {
    check();
    let [end, bytes] = [begin, 0];
    while (end < parts.length && (end === begin || bytes < PLAIN_BYTES))
      bytes += (parts[end++] as FilePart).bytes;
    const missing = await store.readFiles(parts.slice(begin, end));
    const first = parts[begin + missing];
    if (missing >= 0 && first !== undefined)
      throw await endedEarly(first.path, first.position + first.bytes);
    begin = end;
  }
}

/** Frees a program and its store, which no other program may use. */
export function disposeProgram(program: NativeProgram): void {
  program.dispose();
  program.store.dispose();
}

/** Splits the rows of a weight into ranges [begin, end) that are small enough for one turn of the event loop. */
function* rowPieces([rows = 1, width = 1]: readonly number[]): Generator<[number, number]> {
  const step = Math.max(1, Math.floor(PIECE_ELEMENTS / width));
  for (let begin = 0; begin < rows; begin += step) yield [begin, Math.min(rows, begin + step)];
}

/** Reads a weight in storage `dtype`, piece by piece: each piece is an array per part of the storage. */
export async function* readPieces(
  where: string,
  store: NativeStore,
  { name, shape }: Pick<WeightSpec, 'name' | 'shape'>,
  dtype: WeightDtype,
): AsyncGenerator<Uint8Array[], void, undefined> {
  for (const [begin, end] of rowPieces(shape)) {
    yield runJob(where, undefined, (jobId) => store.readRows(name, begin, end, dtype, jobId));
  }
}

/** Reads a whole weight in storage `dtype`: an array per part of the storage. */
export async function readWhole(
  where: string,
  store: NativeStore,
  weight: Pick<WeightSpec, 'name' | 'shape'>,
  dtype: WeightDtype,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const whole = STORAGES[dtype].parts.map(
    ({ bytes, shapeOf }) => new Uint8Array(shapeOf(weight.shape).reduce((a, b) => a * b, bytes)),
  );
  const at = whole.map(() => 0);
  for await (const pieces of readPieces(where, store, weight, dtype)) {
    for (const [i, piece] of pieces.entries()) {
      whole[i]?.set(piece, at[i] as number);
      at[i] = (at[i] as number) + piece.length;
    }
  }
  return whole;
}

/** Bytes of f32 as numbers, not copied. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

/** The bytes of a typed array, not copied. */
export function bytesOf(values: ArrayBufferView): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
