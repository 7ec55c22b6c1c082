/**
 * Low-rank adapters against PEFT: logits, gradients, ten steps, merged weights, and its files.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mergeAdapter } from '../../lib/adapters/merge.js';
import { loadPeft } from '../../lib/checkpoint/peft.js';
import { openSafetensors, type SafetensorsFile } from '../../lib/formats/safetensors.js';
import { withLora } from '../../lib/graph/rewrite/lora.js';
import { native } from '../../lib/native/native.js';
import type { Adapter } from '../../lib/runtime/adapter.js';
import { deriveProgram, disposeProgram } from '../../lib/runtime/program.js';
import { parameterGroups } from '../../lib/train/parameter-groups.js';
import { trainStep, tryStep } from '../../lib/train/step.js';
import { Golden, maxAbs, maxDifference } from '../parity/golden.js';

const OUTPUT_TOLERANCE = 1e-5;
const LOSS_TOLERANCE = 1e-5;
/** Relative to the largest gradient of the tensor. */
const GRADIENT_TOLERANCE = 1e-4;
/** Times the difference between PyTorch's float32 and float64 runs. */
const FINAL_FACTOR = 4;
/** A thousandth of the way that ten steps of 5e-3 can go. */
const FINAL_NOISE = 5e-5;

const ADAMW = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

interface GoldenAdapter {
  readonly loss: number;
  readonly merged_parameters: readonly string[];
  readonly train_adamw: {
    readonly lr: number;
    readonly weight_decay: number;
    readonly losses: readonly number[];
    readonly loss_after: number;
  };
  readonly float64: { readonly max_abs_diff: Readonly<Record<string, number>> };
}

function folderOf(name: string): string | null {
  const places = [`../fixtures/adapters/${name}`, `../../../shared/fixtures/adapters/${name}`];
  const folders = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find((folder) => existsSync(folder)) ?? null;
}

const NAMES = ['lora-query-value', 'lora-rslora', 'lora-all-linear', 'lora-query-value-fresh'];

describe.each(NAMES)('%s', (name) => {
  const folder = folderOf(name);
  const because = folder === null ? ' (needs ../shared/fixtures/adapters)' : '';
  const test = it.skipIf(folder === null);
  let golden: Golden;
  let json: GoldenAdapter;
  let tensors: SafetensorsFile;
  let adapter: Adapter;

  beforeAll(async () => {
    if (folder === null) return;
    golden = await Golden.open('bert-seqcls');
    json = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as GoldenAdapter;
    tensors = await openSafetensors(join(folder, 'golden.safetensors'));
    adapter = await loadPeft(golden.parts, folder);
  });
  afterAll(async () => {
    if (folder === null) return;
    await tensors.close();
    await golden.close();
  });

  /** The program with the adapter beside its matrices, in which only the adapter and its head are trained. */
  async function adapted() {
    const graph = withLora(golden.parts.graph, adapter.matrices, 0);
    const names = [...adapter.tensors.keys()];
    const written = new Map([...adapter.tensors].map(([key, { data }]) => [key, data]));
    const program = await golden.parts.program.use('test', ({ store }) =>
      deriveProgram(graph, store, { trainable: names }, { written }),
    );
    const weights = graph.weights.filter((weight) => names.includes(weight.name));
    return { program, changing: { ...graph, weights } };
  }

  test(`has PEFT's logits, loss and gradients${because}`, async () => {
    const { program } = await adapted();
    const logits = await golden.run('logits', 'sequence', program);
    expect(maxDifference(logits, await tensors.readFloats('logits'))).toBeLessThan(
      OUTPUT_TOLERANCE,
    );
    const trainer = new (native().Trainer)(program, { optimizer: ADAMW, groups: [] });
    const { step } = await golden.loss(program);
    const { loss } = await tryStep(trainer, golden.batch, [step], {
      ...{ learningRate: 0, maxGradNorm: 0, dropoutSeed: null },
    });
    expect(Math.abs(loss - json.loss)).toBeLessThan(LOSS_TOLERANCE);
    for (const key of adapter.tensors.keys()) {
      const theirs = await tensors.readFloats(`grad.base_model.model.${key}`);
      const difference = maxDifference(trainer.readGradient(key), theirs);
      expect(difference, key).toBeLessThan(GRADIENT_TOLERANCE * maxAbs(theirs) + 1e-9);
    }
    trainer.dispose();
    disposeProgram(program);
  });

  test(`has its losses and tensors over ten steps${because}`, async () => {
    const { program, changing } = await adapted();
    const { lr: learningRate, weight_decay: decay, losses, loss_after: after } = json.train_adamw;
    const groups = parameterGroups(changing, {
      ...{ optimizer: 'adamw', weightDecay: decay, layerDecay: 1, freeze: [], trainable: 'all' },
    });
    const trainer = new (native().Trainer)(program, { optimizer: ADAMW, groups });
    const { step } = await golden.loss(program);
    const options = { learningRate, maxGradNorm: 0, dropoutSeed: null };
    for (const wanted of losses) {
      const { loss } = await trainStep(trainer, golden.batch, [step], options);
      expect(Math.abs(loss - wanted)).toBeLessThan(LOSS_TOLERANCE);
    }
    const { loss } = await tryStep(trainer, golden.batch, [step], options);
    expect(Math.abs(loss - after)).toBeLessThan(LOSS_TOLERANCE);
    for (const key of adapter.tensors.keys()) {
      const theirs = await tensors.readFloats(`final.base_model.model.${key}`);
      const known = json.float64.max_abs_diff[`final.base_model.model.${key}`] ?? 0;
      const difference = maxDifference(program.store.readWeight(key), theirs);
      expect(difference, key).toBeLessThan(FINAL_FACTOR * known + FINAL_NOISE);
    }
    trainer.dispose();
    disposeProgram(program);
  });

  test(`is merged as PEFT merges it${because}`, async () => {
    const options = { where: 'test', signal: undefined };
    const { program } = await golden.parts.program.use('test', (current) =>
      mergeAdapter(golden.parts, current, adapter, options),
    );
    await program.use('test', async (merged) => {
      for (const key of json.merged_parameters) {
        const theirs = await tensors.readFloats(`merged.${key}`);
        expect(maxDifference(merged.store.readWeight(key), theirs), key).toBeLessThan(1e-6);
      }
      const logits = await golden.run('logits', 'sequence', merged);
      const theirs = await tensors.readFloats('logits_merged');
      expect(maxDifference(logits, theirs)).toBeLessThan(OUTPUT_TOLERANCE);
    });
    await program.retire();
  });
});
