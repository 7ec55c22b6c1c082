/**
 * The shared zoo of ONNX files: its cases, inputs and recorded outputs (README beside them).
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Tensor } from '../../../lib/formats/onnx/import/model.js';
import { openSafetensors } from '../../../lib/formats/safetensors.js';

/** The whole collection, outside the repository. */
export const SHARED_ONNX = fileURLToPath(
  new URL('../../../../shared/fixtures/onnx', import.meta.url),
);
/** Copies of some cases. */
const COMMITTED = fileURLToPath(new URL('../../fixtures/onnx', import.meta.url));

/** The whole collection where it exists, else the copies. */
export const ONNX_FIXTURES = existsSync(join(SHARED_ONNX, 'zoo')) ? SHARED_ONNX : COMMITTED;

export interface Tolerance {
  readonly atol: number;
  readonly rtol?: number;
}

export interface ZooCase {
  readonly name: string;
  readonly folder: string;
  readonly model: string;
  readonly architecture: string;
  readonly exporter: { readonly name: string };
  readonly postprocess: readonly string[];
  readonly task: string;
  readonly expect: 'import' | 'import_or_refuse';
  readonly quantization: unknown;
  readonly config: Readonly<Record<string, unknown>>;
  readonly inputs: readonly { readonly name: string; readonly role: string }[];
  readonly outputs: readonly { readonly name: string; readonly role: string }[];
  readonly golden: { readonly groups: readonly string[] };
  readonly tolerances: Readonly<Record<string, Tolerance>>;
}

/** All cases of a folder, by name. Throws when there are none, because a test of each case would then test nothing. */
export function zooCases(folder = join(ONNX_FIXTURES, 'zoo')): ZooCase[] {
  const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'case.json')));
  if (names.length === 0) throw new Error(`${folder} holds no cases`);
  return names.sort().map((name) => {
    const at = join(folder, name);
    const json = JSON.parse(readFileSync(join(at, 'case.json'), 'utf8'));
    return { ...json, folder: at, model: join(at, 'model.onnx') } as ZooCase;
  });
}

export type GoldenKind = 'input' | 'output' | 'float_weights';

/** Recorded tensors of one kind of a group: graph name -> tensor. */
export async function golden(
  zooCase: Pick<ZooCase, 'folder'>,
  group: string,
  kind: GoldenKind,
): Promise<Map<string, Tensor>> {
  const file = await openSafetensors(join(zooCase.folder, 'golden.safetensors'));
  try {
    const prefix = `${group}.${kind}.`;
    const out = new Map<string, Tensor>();
    for (const [name, { dtype, shape }] of file.tensors) {
      if (!name.startsWith(prefix)) continue;
      const bytes = await file.readBytes(name);
      out.set(name.slice(prefix.length), asTensor(name, dtype, shape, bytes));
    }
    return out;
  } finally {
    await file.close();
  }
}

function asTensor(name: string, dtype: string, dims: readonly number[], bytes: Uint8Array): Tensor {
  const { buffer } = bytes;
  if (dtype === 'F32') return { dtype: 'float32', dims, data: new Float32Array(buffer) };
  if (dtype === 'I32') return { dtype: 'int32', dims, data: new Int32Array(buffer) };
  if (dtype === 'I64') {
    return { dtype: 'int64', dims, data: Float64Array.from(new BigInt64Array(buffer), Number) };
  }
  throw new Error(`${name}: ${dtype}`);
}

/** Whether a row of [batch, tokens, ...] is compared. Per-token outputs of padding are undefined. */
export function counts(
  zooCase: ZooCase,
  inputs: ReadonlyMap<string, Tensor>,
  output: string,
): (element: number, dims: readonly number[]) => boolean {
  const maskName = zooCase.inputs.find((input) => input.role === 'attention_mask')?.name;
  const mask = maskName === undefined ? undefined : inputs.get(maskName);
  return (element, dims) => {
    const perToken = mask && dims[0] === mask.dims[0] && dims[1] === mask.dims[1];
    if (!perToken || !zooCase.outputs.some((item) => item.name === output)) return true;
    const inner = dims.slice(2).reduce((product, dim) => product * dim, 1);
    return mask.data[Math.floor(element / inner)] !== 0;
  };
}

export interface Difference {
  /** Largest |a - b|. */
  readonly absolute: number;
  /** Largest |a - b| / (atol + rtol |b|): at most 1 is within the tolerance. */
  readonly ofTolerance: number;
  /** Elements compared, and those beyond the tolerance. */
  readonly compared: number;
  readonly beyond: number;
}

/** Compares the defined rows of `actual` with `expected`. Throws when the shapes differ. */
export function difference(
  actual: Tensor,
  expected: Tensor,
  { atol, rtol = 0 }: Tolerance,
  counted: (element: number, dims: readonly number[]) => boolean = () => true,
): Difference {
  if (actual.dims.join() !== expected.dims.join()) {
    throw new Error(`[${actual.dims.join(', ')}] where [${expected.dims.join(', ')}] is recorded`);
  }
  const out = { absolute: 0, ofTolerance: 0, compared: 0, beyond: 0 };
  for (let i = 0; i < expected.data.length; i++) {
    if (!counted(i, expected.dims)) continue;
    const [a, b] = [actual.data[i] as number, expected.data[i] as number];
    const apart = a === b ? 0 : Math.abs(a - b);
    const ratio = apart === 0 ? 0 : apart / (atol + rtol * Math.abs(b));
    out.compared++;
    if (!(ratio <= 1)) out.beyond++;
    out.absolute = Math.max(out.absolute, Number.isNaN(apart) ? Infinity : apart);
    out.ofTolerance = Math.max(out.ofTolerance, Number.isNaN(ratio) ? Infinity : ratio);
  }
  return out;
}
