/**
 * What was exported is imported again: the graph that comes back computes the same from the same weights, for every family,
 * head and precision.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportModelOnnx, type OnnxExportOptions } from '../../lib/checkpoint/export-model.js';
import { loadModel } from '../../lib/checkpoint/load-model.js';
import { importOnnx, STYLES } from '../../lib/formats/onnx/import/index.js';
import type { Task } from '../../lib/graph/checkpoint.js';
import type { OutputName } from '../../lib/graph/types.js';
import { unify } from '../../lib/graph/unify.js';
import type { NativeProgram } from '../../lib/native/program.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { bytesOf, deriveProgram } from '../../lib/runtime/program.js';
import { familyFolder, HEADS, MATRIX_FAMILIES, makeFolders, REQUESTS, TASKS } from './matrix.js';
import { drawnWeights } from './toys.js';

const FORMS: readonly OnnxExportOptions[] = [
  { opset: 14 },
  { opset: 17 },
  { opset: 21, externalData: true },
  { precision: 'f16' },
  { precision: 'int8' },
  { precision: 'int8', weights: 'int8', activations: 'tensor' },
  { precision: 'int8-static', calibration: { texts: ['one two three', 'what is this ?'] } },
  { precision: 'int8-weights' },
  { precision: 'int4-weights' },
  { precision: 'int4-weights', blocks: { operator: 'MatMulNBits', symmetric: false } },
];

/**
 * The forms that a head of a family is written in: all for the family's first head, every other one for the rest, shifted from
 * family to family and from head to head, so that every form meets every family and every head.
 */
function formsOf(family: string, task: Task): readonly (readonly [number, OnnxExportOptions])[] {
  const head = TASKS.indexOf(task);
  const shift = MATRIX_FAMILIES.indexOf(family) + head;
  return [...FORMS.entries()].filter(([i]) => head === 0 || (i + shift) % 2 === 0);
}

/**
 * The expected difference of the graph that is read, by family and precision or opset, where the file says less than the graph.
 * One matrix of codes for query, key and value is read as three; values computed from a table alone are folded where the file
 * writes them out.
 */
const ONE_MATRIX = /weights":3,.*weights":1,/;
const LESS: Readonly<Record<string, Readonly<Record<string, RegExp>>>> = {
  modernbert: { int8: ONE_MATRIX, 'int8-static': ONE_MATRIX },
  nomic_bert: { int8: ONE_MATRIX, 'int8-static': ONE_MATRIX },
  'deberta-v2-seqcls': { '14': /parameter.*distances.norm/, f16: /a term by distance/ },
};

/**
 * The model's program with random numbers in place of zeros (biases of new heads), because a reader may leave out a bias of
 * zeros.
 */
async function withoutZeros(parts: ModelParts): Promise<NativeProgram> {
  return parts.program.use('test', (from) => {
    const drawn = drawnWeights(parts.graph, 3, 0.2);
    const isZero = ([name]: readonly [string, unknown]) =>
      from.store.readWeight(name).every((x) => x === 0);
    const written = new Map([...drawn].filter(isZero));
    return deriveProgram(parts.graph, from.store, { trainable: false }, { written });
  });
}

/** Exports, imports, compares the graphs; with f32 the bits of every weight. */
async function backAndForth(
  parts: ModelParts,
  program: NativeProgram,
  file: string,
  options: OnnxExportOptions,
): Promise<string | undefined> {
  const outputs: OutputName[] =
    parts.head.task === 'embedding' ? ['hidden', 'embedding'] : ['logits'];
  await exportModelOnnx(parts, program, file, options);
  const imported = await importOnnx(file);
  // A file does not say whether one product was three, nor which biases of zeros there were. One of the readings must be the
  // model.
  const readings = STYLES.map((style) => {
    const back = imported.graph(style);
    return { back, found: unify(back.graph, parts.graph, { outputs, dropout: false }) };
  });
  const reading = readings.find(({ found }) => found.difference === undefined) ?? readings[0];
  if (reading === undefined) return 'no reading';
  const { back, found } = reading;
  if (found.difference !== undefined) return found.difference;
  if (options.precision !== undefined) return undefined;
  for (const [theirs, ours] of found.weights) {
    const source = back.sources.get(theirs);
    if (source === undefined) return `no source of ${theirs}`;
    const [got, wanted] = [imported.weights.floats(source), program.store.readWeight(ours)];
    if (Buffer.compare(bytesOf(got), bytesOf(wanted)) !== 0) return `numbers of ${ours} differ`;
  }
  return undefined;
}

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-back-'));
  await makeFolders(scratch);
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

describe.each(MATRIX_FAMILIES)('%s', (name) => {
  const available = familyFolder('', name) !== null;
  const because = available ? '' : ' (skipped: needs ../shared/fixtures)';

  it.skipIf(!available).each(HEADS[name] ?? TASKS)(
    `%s comes back${because}`,
    async (task) => {
      const settings = { lanes: undefined, signal: undefined, seed: 5 };
      const folder = familyFolder(scratch, name) ?? '';
      const parts = await loadModel('test', folder, REQUESTS[task], settings);
      const program = await withoutZeros(parts);
      const differences: string[] = [];
      for (const [i, options] of formsOf(name, task)) {
        const file = join(scratch, `${name}-${task}-${i}.onnx`);
        const difference = await backAndForth(parts, program, file, options).catch(String);
        const known = LESS[name]?.[options.precision ?? String(options.opset)];
        if (known !== undefined) expect(difference).toMatch(known);
        else if (difference !== undefined) {
          differences.push(`${JSON.stringify(options)} ${difference}`);
        }
      }
      expect(differences).toEqual([]);
      program.dispose();
      await parts.program.retire();
    },
    60_000,
  );
});
