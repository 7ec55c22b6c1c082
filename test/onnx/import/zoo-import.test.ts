/**
 * Every file of the zoo through the whole import: recovered, named, verified, and its recorded outputs reproduced by the native
 * program.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { evaluatePlain, probeFor } from '../../../lib/formats/onnx/import/index.js';
import { type Imported, importProgram, runRecorded } from './imported.js';
import { type Outcome, outcomeTable } from './outcome-table.js';
import {
  counts,
  difference,
  golden,
  ONNX_FIXTURES,
  SHARED_ONNX,
  type ZooCase,
  zooCases,
} from './zoo.js';

const whole = existsSync(`${SHARED_ONNX}/zoo`);
/** The committed files, which are tested without ../shared too. */
const CASES = zooCases(`${ONNX_FIXTURES}/zoo`);

const GUIDE = fileURLToPath(new URL('../../../docs/guide/onnx-import.md', import.meta.url));
const outcomes: Outcome[] = [];

/** Keys of config.json that a graph cannot say: other values mean the same graph. */
const UNKNOWABLE: ReadonlySet<string> = new Set([
  'architectures',
  'model_type',
  'global_attn_every_n_layers',
  'max_position_embeddings',
  'max_relative_positions',
  'pos_att_type',
]);
const TWINS: Readonly<Record<string, string>> = { 'xlm-roberta': 'roberta', camembert: 'roberta' };

/** Keys whose value in the file is not that of the config it was exported from. */
const OTHERWISE: Readonly<Record<string, string>> = {
  // Fused to FastGelu, which is the other GELU.
  bert_opt_mha_fastgelu: 'hidden_act',
};

describe.each(CASES)('$name', (zooCase) => {
  test('is imported in f32 and computes what was recorded', async () => {
    const imported = await importProgram(zooCase.model, true, 0);
    try {
      checkConfig(imported, zooCase);
      const key = zooCase.tolerances.float_weights ? 'float_weights' : 'float';
      // The outputs were recorded with positions from 3 on, but the imported graph counts from 0, as the verification did.
      const ofTolerance = zooCase.inputs.some(({ role }) => role === 'position_ids')
        ? 0
        : await compare(imported, zooCase, key === 'float' ? 'output' : key, key);
      outcomes.push({ zooCase, ofTolerance });
    } finally {
      imported.program.dispose();
    }
  });

  test.runIf(zooCase.quantization)('its int8 weights stay what they are', async ({ skip }) => {
    const imported = await importProgram(zooCase.model, false);
    try {
      const { quantized } = imported.folder;
      const { activations } = imported.folder.imported.plain;
      expect(quantized.size > 0).toBe(activations.size > 0);
      skip(quantized.size === 0, 'no weight of the file is of whole numbers');
      const kind = zooCase.tolerances.float_weights ? 'float_weights' : 'output';
      await compare(imported, zooCase, kind, 'float_against_output');
    } finally {
      imported.program.dispose();
    }
  });
});

function checkConfig({ folder }: Imported, { name, config: wanted, inputs }: ZooCase): void {
  const hasSegments = inputs.some(({ role }) => role === 'token_type_ids');
  const { config } = folder.named;
  const type = String(wanted.model_type);
  // Its sizes are not those of nomic_bert, so its config carries the graph.
  if (type === 'NomicLike') expect(config.model_type).toBe('sinter_graph');
  else {
    expect(config.model_type).toBe(TWINS[type] ?? type);
    for (const [key, value] of Object.entries(config)) {
      // transformers 5 writes the angles under another key.
      if (key.endsWith('rope_theta') && wanted[key] === undefined) continue;
      // The file adds segment 0 to every token: a table of one row.
      if (key === 'type_vocab_size' && !hasSegments) {
        expect(value).toBeLessThanOrEqual(1);
        continue;
      }
      if (UNKNOWABLE.has(key) || OTHERWISE[name] === key) continue;
      expect([key, wanted[key]]).toEqual([key, value]);
    }
  }
}

async function compare(
  imported: Imported,
  zooCase: ZooCase,
  kind: 'output' | 'float_weights',
  tolerance: string,
): Promise<number> {
  let [compared, worst] = [0, 0];
  for (const group of zooCase.golden.groups) {
    const inputs = await golden(zooCase, group, 'input');
    const got = await runRecorded(imported, inputs);
    for (const [name, wanted] of await golden(zooCase, group, kind)) {
      const data = got.get(name);
      if (data === undefined) throw new Error(`output ${name} was not recovered`);
      const tensor = { dtype: 'float32', dims: wanted.dims, data } as const;
      const limit = zooCase.tolerances[tolerance];
      if (limit === undefined) throw new Error(`${zooCase.name} has no tolerance ${tolerance}`);
      const found = difference(tensor, wanted, limit, counts(zooCase, inputs, name));
      expect(found.ofTolerance, `${group} ${name}: ${found.absolute}`).toBeLessThanOrEqual(1);
      compared += found.compared;
      worst = Math.max(worst, found.ofTolerance);
    }
  }
  expect(compared).toBeGreaterThan(0);
  return worst;
}

test.skipIf(!whole)(
  'the guide shows what became of the zoo (needs ../shared/fixtures/onnx/zoo)',
  () => {
    expect(outcomes.length).toBe(82);
    const text = readFileSync(GUIDE, 'utf8');
    const begin = text.indexOf('\n', text.indexOf('<!-- outcomes:'));
    const end = text.indexOf('<!-- end of outcomes -->');
    expect(begin).toBeGreaterThan(0);
    expect(end).toBeGreaterThan(begin);
    const wanted = `${text.slice(0, begin)}\n\n${outcomeTable(outcomes)}\n\n${text.slice(end)}`;
    if (process.env.UPDATE_DOCS === '1') writeFileSync(GUIDE, wanted);
    expect(readFileSync(GUIDE, 'utf8')).toBe(wanted);
  },
);

test('a probe for verification is ragged where the file can mask', async () => {
  const [first] = CASES;
  if (first === undefined) throw new Error('no cases');
  const { folder, program } = await importProgram(first.model, true);
  program.dispose();
  const probe = probeFor(folder.imported.recovered, 8);
  expect(new Set(probe.lengths).size).toBeGreaterThan(1);
  const [found] = folder.imported.recovered.found;
  const values = await evaluatePlain(folder.imported, probe, [found?.file ?? '']);
  expect(values.get(found?.file ?? '')?.data.length).toBeGreaterThan(0);
});
