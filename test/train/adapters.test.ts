/**
 * Adapters against PEFT and PyTorch: logits, gradients, ten steps, merged weights, and their files.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graphBeside, runBeside } from '../../lib/adapters/beside.js';
import { mergeAdapter } from '../../lib/adapters/merge.js';
import { loadAdapter } from '../../lib/checkpoint/load-adapter.js';
import { openSafetensors, type SafetensorsFile } from '../../lib/formats/safetensors.js';
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

const LORA = ['lora-query-value', 'lora-rslora', 'lora-all-linear', 'lora-query-value-fresh'];
const BOTTLENECKS = ['bottleneck-ffn', 'bottleneck-houlsby', 'bottleneck-pfeiffer'];
/** Sinter does not train it. */
const DORA = 'dora-query-value';

describe.each([...LORA, DORA, 'ia3', ...BOTTLENECKS])('%s', (name) => {
  const folder = folderOf(name);
  const because = folder === null ? ' (needs ../shared/fixtures/adapters)' : '';
  const test = it.skipIf(folder === null);
  const trains = it.skipIf(folder === null || name === DORA);
  const merges = it.skipIf(folder === null || BOTTLENECKS.includes(name));
  /** The beginning of the names of tensors in the golden file. */
  const begin = BOTTLENECKS.includes(name) ? '' : 'base_model.model.';
  let golden: Golden;
  let json: GoldenAdapter;
  let tensors: SafetensorsFile;
  let adapter: Adapter;

  beforeAll(async () => {
    if (folder === null) return;
    golden = await Golden.open('bert-seqcls');
    json = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8')) as GoldenAdapter;
    tensors = await openSafetensors(join(folder, 'golden.safetensors'));
    adapter = await loadAdapter(golden.parts, folder);
  });
  afterAll(async () => {
    if (folder === null) return;
    await tensors.close();
    await golden.close();
  });

  /** The program with the adapter beside its matrices, in which only the adapter and its head are trained. */
  async function adapted() {
    const graph = graphBeside(golden.parts.graph, adapter);
    const names = [...adapter.tensors.keys()];
    const written = new Map([...adapter.tensors].map(([key, { data }]) => [key, data]));
    const program = await golden.parts.program.use('test', ({ store }) =>
      deriveProgram(graph, store, { trainable: names }, { written }),
    );
    const weights = graph.weights.filter((weight) => names.includes(weight.name));
    return { program, changing: { ...graph, weights } };
  }

  test(`has their logits beside the base${because}`, async () => {
    const options = { where: 'test', signal: undefined };
    const { program } = await golden.parts.program.use('test', (current) =>
      runBeside(golden.parts.graph, current, adapter, options),
    );
    const logits = await program.use('test', (own) => golden.run('logits', 'sequence', own));
    const theirs = await tensors.readFloats('logits');
    expect(maxDifference(logits, theirs)).toBeLessThan(OUTPUT_TOLERANCE);
    await program.retire();
  });

  trains(`has their logits, loss and gradients${because}`, async () => {
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
      const theirs = await tensors.readFloats(`grad.${begin}${key}`);
      const difference = maxDifference(trainer.readGradient(key), theirs);
      expect(difference, key).toBeLessThan(GRADIENT_TOLERANCE * maxAbs(theirs) + 1e-9);
    }
    trainer.dispose();
    disposeProgram(program);
  });

  trains(`has their losses and tensors over ten steps${because}`, async () => {
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
      const theirs = await tensors.readFloats(`final.${begin}${key}`);
      const known = json.float64.max_abs_diff[`final.${begin}${key}`] ?? 0;
      const difference = maxDifference(program.store.readWeight(key), theirs);
      expect(difference, key).toBeLessThan(FINAL_FACTOR * known + FINAL_NOISE);
    }
    trainer.dispose();
    disposeProgram(program);
  });

  merges(`is merged as PEFT merges it${because}`, async () => {
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
