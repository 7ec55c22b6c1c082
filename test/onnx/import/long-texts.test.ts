/**
 * What only long texts show: windows and buckets of distances beyond those that a short probe sees.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportModelOnnx } from '../../../lib/checkpoint/export-model.js';
import { loadModel } from '../../../lib/checkpoint/load-model.js';
import { importOnnx, STYLES } from '../../../lib/formats/onnx/import/index.js';
import { sparsePositions } from '../../../lib/formats/onnx/import/recover/stretch.js';
import { familyFolder, makeFolders, REQUESTS } from '../matrix.js';

let scratch = '';
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sinter-long-'));
  await makeFolders(scratch);
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const NAME = 'modernbert';

test.each([
  [20, 8192],
  [128, 8192],
  [320, 8192],
  [320, 512],
  [2000, 8192],
])('a window of %i in texts of up to %i tokens is found', async (window, maxTokens) => {
  const folder = familyFolder(scratch, NAME) ?? '';
  const file = join(folder, 'config.json');
  const before = await readFile(file, 'utf8');
  const config = JSON.parse(before);
  const changed = { ...config, local_attention: window, max_position_embeddings: maxTokens };
  await writeFile(file, JSON.stringify(changed));
  const settings = { lanes: undefined, signal: undefined, seed: 5 };
  const parts = await loadModel('test', folder, REQUESTS.embedding, settings);
  await writeFile(file, before);
  const path = join(scratch, 'model.onnx');
  await parts.program.use('test', (program) => exportModelOnnx(parts, program, path, {}));
  await parts.program.retire();
  const imported = await importOnnx(path);
  const { graph } = imported.graph(STYLES[0]);
  const windows = graph.nodes.flatMap((node) => (node.op === 'attention' ? [node.window] : []));
  const wanted = parts.graph.nodes.flatMap((n) => (n.op === 'attention' ? [n.window] : []));
  expect(windows).toEqual(wanted);
  expect(wanted).toContain(window / 2);
  expect(imported.recovered.notes.join()).not.toMatch(/not understood/);
});

test.each([151, 512, 1000, 8192])('every distance below %i lies between two positions', (span) => {
  const positions = [...sparsePositions(150, span)];
  const seen = new Set(positions.flatMap((a) => positions.map((b) => Math.abs(a - b))));
  expect(seen.size).toBe(span);
  expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
});
