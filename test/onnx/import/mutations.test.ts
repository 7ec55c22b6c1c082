/**
 * Verification catches every mistake that an importer could make: graphs with one each, of files of all precisions.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyOnnx } from '../../../lib/checkpoint/onnx/verify-onnx.js';
import { importOnnx, type OnnxImport, STYLES } from '../../../lib/formats/onnx/import/index.js';
import type { EncoderGraph } from '../../../lib/graph/types.js';
import { ensureLanes } from '../../../lib/native/lanes.js';
import { buildProgram, bytesOf } from '../../../lib/runtime/program.js';
import { mutationsOf } from './mutations.js';

const HERE = fileURLToPath(new URL('../../fixtures/onnx/zoo', import.meta.url));
const SHARED = fileURLToPath(new URL('../../../../shared', import.meta.url));
const zoo = (name: string) => join(HERE, name, 'model.onnx');
const shared = (name: string) => join(SHARED, 'fixtures/onnx/zoo', name, 'model.onnx');

const FILES = [
  ...['optimum_st_mean_norm', 'bert_ts11_eager_pooler', 'albert_ts14_eager', 'mpnet_dyn20'].map(
    zoo,
  ),
  ...['modernbert_dyn18', 'deberta_v2_dyn18_seqcls', 'nomic_like_ts17'].map(zoo),
  ...['bert_opt_fp16_keepio', 'bert_qoperator_static', 'optimum_roberta_qdyn_default'].map(zoo),
  ...['bert_nbits4_qdq', 'distilbert_qdyn_ort_extended'].map(zoo),
  ...['bert_ts14_eager_qa_relu', 'bert_qdq_u8s8_tensor', 'bert_qdq_mask_quantized'].map(shared),
  ...['bert_nncf_ptq', 'modernbert_fp16_keepio'].map(shared),
  join(SHARED, 'cases/O1-folded-relu/model.onnx'),
];

beforeAll(() => ensureLanes('test', 2));

async function isCaught(imported: OnnxImport, graph: EncoderGraph): Promise<boolean> {
  const { sources, values } = imported.graph(STYLES[0]);
  const program = await buildProgram(graph, { trainable: false }, (made, { name }) => {
    const source = sources.get(name);
    if (source) made.writeWeight(name, 0, 'f32', bytesOf(imported.weights.floats(source)));
  });
  const made = new Set(graph.nodes.map(({ output }) => output));
  const left = new Map([...values].filter(([name]) => made.has(name)));
  const liar: OnnxImport = { ...imported, graph: () => ({ graph, sources, values: left }) };
  try {
    await verifyOnnx(liar, graph, program);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'UNSUPPORTED_MODEL' });
    expect(String(error)).toContain('verification failed');
    return true;
  } finally {
    program.dispose();
  }
}

describe.each(FILES)('%s', (file) => {
  test.skipIf(!existsSync(file))(
    'every mistake in its graph is caught (files of ../shared where it is there)',
    { timeout: 300_000 },
    async () => {
      const imported = await importOnnx(file);
      const { graph } = imported.graph(STYLES[0]);
      expect(await isCaught(imported, graph)).toBe(false);
      // The two differ by less than what 16 bits may change.
      const mutations = mutationsOf(graph).filter(
        ({ name }) => imported.plain.half === null || !name.endsWith('the other GELU'),
      );
      const missed: string[] = [];
      for (const { name, graph: mutant } of mutations) {
        if (!(await isCaught(imported, mutant))) missed.push(name);
      }
      if (process.env.SINTER_SHOW) console.log(file.slice(-60), mutations.length, missed);
      expect(mutations.length).toBeGreaterThan(8);
      expect(missed).toEqual([]);
    },
  );
});
