/**
 * Values that a thread computes ahead of recovery: they have the bits of the values of the verification's probe, or are none.
 */

import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Ahead } from '../../../lib/checkpoint/onnx/ahead.js';
import { probeLength } from '../../../lib/checkpoint/onnx/probe-length.js';
import { type Guess, guessOf, isGuessed } from '../../../lib/formats/onnx/import/guess.js';
import {
  evaluateFile,
  importOnnx,
  type OnnxImport,
  probeFor,
  STYLES,
} from '../../../lib/formats/onnx/import/index.js';
import { ONNX_FIXTURES, zooCases } from './zoo.js';

const CASES = zooCases(join(ONNX_FIXTURES, 'zoo'));
let folder = '';
let file = '';
let imported: OnnxImport;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sinter-ahead-'));
  file = join(folder, 'model.onnx');
  await copyFile(join(ONNX_FIXTURES, 'zoo', 'optimum_st_mean_norm', 'model.onnx'), file);
  imported = await importOnnx(file);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** The request of a file's verification. */
function wantedOf({ plain, recovered, graph }: OnnxImport): Guess {
  return {
    files: plain.source.files,
    roles: recovered.inputs.roles,
    probe: probeFor(recovered, probeLength(graph(STYLES[0]).graph)),
    outputs: recovered.found.map((output) => output.file),
  };
}

describe.skipIf(availableParallelism() === 1)('in a thread', () => {
  test('the values are those of the file', async () => {
    const wanted = wantedOf(imported);
    const got = await Ahead.begin({ file, settings: {} })?.take(wanted);
    const ranges = { clamps: 'zero', cuts: new Map() } as const;
    const values = await evaluateFile(imported, wanted.probe, wanted.outputs, { ranges });
    for (const name of wanted.outputs) expect(got?.get(name)?.data).toEqual(values.get(name)?.data);
  });

  test('a file that cannot be read gives no values', async () => {
    const bad = join(folder, 'bad.onnx');
    await writeFile(bad, 'no model');
    expect(await Ahead.begin({ file: bad, settings: {} })?.take(wantedOf(imported))).toBeNull();
  });

  test('a request that was not guessed gets no values', async () => {
    const ahead = Ahead.begin({ file, settings: {} });
    expect(await ahead?.take({ ...wantedOf(imported), outputs: ['none'] })).toBeNull();
  });

  test('a thread that was ended gives no values', async () => {
    const ahead = Ahead.begin({ file, settings: {} });
    await ahead?.end();
    expect(await ahead?.take(wantedOf(imported))).toBeNull();
  });
});

test('a guess is wrong when any part of it differs from the request', () => {
  const wanted = wantedOf(imported);
  const guess = guessOf(imported.plain.source, {}, 8);
  expect(isGuessed(guess, wanted)).toBe(true);
  const [first] = wanted.files;
  const others: Partial<Guess>[] = [
    { files: [] },
    { files: first ? [{ ...first, name: 'other' }] : [] },
    { roles: new Map() },
    { probe: { ...wanted.probe, ids: wanted.probe.ids.map((id) => id + 1) } },
    { probe: { ...wanted.probe, lengths: [1, 1] } },
    { outputs: ['none'] },
  ];
  for (const other of others) expect(isGuessed(guess, { ...wanted, ...other })).toBe(false);
});

/**
 * Files whose guess is wrong: those with longer probes, and those whose own graph does not show which tables its inputs index.
 */
const MISSED = /deberta|mpnet|_opt_|gatherblock|const_nodes_identity|wo_castmul|posids_int32/;

test('the guess is right for most files of the zoo', async () => {
  for (const { name, model } of CASES) {
    const one = await importOnnx(model).catch(() => null);
    if (one === null || MISSED.test(name)) continue;
    const guess = guessOf(one.plain.source, {}, 8);
    expect(isGuessed(guess, wantedOf(one)), name).toBe(true);
  }
}, 240_000);
