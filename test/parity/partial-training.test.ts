/** Frozen parts, learning rates by layer, averages of weights and accumulated batches, against PyTorch's ten steps. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openSafetensors, type SafetensorsFile } from '../../lib/formats/safetensors.js';
import type { NativeProgram } from '../../lib/native/program.js';
import { deriveProgram, disposeProgram } from '../../lib/runtime/program.js';
import { Corpus } from '../../lib/train/corpus.js';
import { crossEntropy } from '../../lib/train/objectives.js';
import { trainedWeights } from '../../lib/train/parameter-groups.js';
import { runTraining } from '../../lib/train/train-loop.js';
import {
  readTrainOptions,
  TRAIN_OPTIONS,
  type TrainOptions,
} from '../../lib/train/train-options.js';
import type { TrainReport } from '../../lib/train/train-report.js';
import { Golden, maxDifference } from './golden.js';

const FIXTURES = fileURLToPath(new URL('../../../shared/fixtures/adapters', import.meta.url));

/** Ten steps of lr 5e-3 on the whole batch, as all of these fixtures. */
const TEN_STEPS = {
  epochs: 10,
  learningRate: 5e-3,
  warmup: 0,
  schedule: 'constant',
  maxGradNorm: 0,
  shuffle: false,
} as const;

const LOSS_TOLERANCE = 2e-5;
/** A thousandth of the way that ten steps of 5e-3 can go. */
const FINAL_TOLERANCE = 5e-5;
/** The gradient of the key biases is exactly 0, so their values are noise in PyTorch too. */
const isNoise = (name: string) => name.endsWith('key.bias');

interface Log {
  readonly losses: readonly number[];
}

class Fixture {
  private constructor(
    readonly json: { readonly [key: string]: unknown },
    readonly tensors: SafetensorsFile,
  ) {}

  /** Call inside a test, which closes it. */
  static async open(name: string): Promise<Fixture> {
    const json = JSON.parse(readFileSync(`${FIXTURES}/${name}/golden.json`, 'utf8'));
    const tensors = await openSafetensors(`${FIXTURES}/${name}/golden.safetensors`);
    onTestFinished(() => tensors.close());
    return new Fixture(json, tensors);
  }

  /** Names of the weights with an expected value below `prefix`. */
  weights(prefix: string): string[] {
    return [...this.tensors.tensors.keys()]
      .filter((name) => name.startsWith(prefix) && !/logits/.test(name))
      .map((name) => name.slice(prefix.length));
  }
}

interface Batch {
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly token_type_ids: readonly (readonly number[])[];
  readonly labels: readonly number[];
}

function corpusOf({ input_ids, attention_mask, token_type_ids, labels }: Batch): Corpus {
  const lengths = attention_mask.map((row) => row.filter((one) => one === 1).length);
  const offsets = [0];
  for (const length of lengths) offsets.push((offsets.at(-1) ?? 0) + length);
  const unpadded = (rows: readonly (readonly number[])[]) =>
    Int32Array.from(rows.flatMap((row, i) => row.slice(0, lengths[i])));
  const segments = unpadded(token_type_ids);
  const tokens = { ids: unpadded(input_ids), offsets: Int32Array.from(offsets), segments };
  return new Corpus(tokens, { unit: 'text', width: 1, values: Int32Array.from(labels) });
}

function expectLosses({ steps }: Pick<TrainReport, 'steps'>, { losses }: Log): void {
  expect(steps).toHaveLength(losses.length);
  for (const [i, loss] of losses.entries())
    expect(Math.abs((steps[i]?.loss ?? Number.NaN) - loss), `step ${i}`).toBeLessThan(
      LOSS_TOLERANCE,
    );
}

async function expectWeights(fixture: Fixture, prefix: string, program: NativeProgram) {
  const names = fixture.weights(prefix);
  expect(names.length).toBeGreaterThan(3);
  for (const name of names) {
    if (isNoise(name)) continue;
    const theirs = await fixture.tensors.readFloats(`${prefix}${name}`);
    const ours = program.store.readWeight(name);
    expect(maxDifference(ours, theirs), name).toBeLessThan(FINAL_TOLERANCE);
  }
}

describe.skipIf(!existsSync(FIXTURES))('bert-seqcls (needs ../shared/fixtures/adapters)', () => {
  let golden: Golden;
  let own: Corpus;
  beforeAll(async () => {
    golden = await Golden.open('bert-seqcls');
    own = corpusOf(golden.json.batch as unknown as Batch);
  });
  afterAll(() => golden.close());

  /** Trains a copy with these options; `use` sees it at the end. */
  async function trained(
    options: TrainOptions,
    use: (program: NativeProgram, report: Pick<TrainReport, 'steps'>) => Promise<void>,
    corpus = own,
  ): Promise<void> {
    const { graph } = golden.parts;
    const all = { ...TEN_STEPS, batchSize: corpus.size, ...options };
    const settings = readTrainOptions('train', all, TRAIN_OPTIONS);
    const source = await golden.trainable();
    const trainable = trainedWeights(graph, settings);
    const program = await deriveProgram(graph, source.store, { trainable });
    const none = { evaluate: undefined, onStep: undefined, onEpoch: undefined, signal: undefined };
    const report = await runTraining(program, graph, corpus, crossEntropy, settings, none);
    await use(program, report);
    disposeProgram(program);
    disposeProgram(source);
  }

  it.each([
    ['last_layer_and_head', ['embeddings', 'layer.0']],
    ['head_only', ['encoder']],
    ['all_but_embeddings', ['embeddings']],
    ['all_but_embeddings', ['bert.embeddings']],
  ] as const)('freezes all but %s: %j', async (name, freeze) => {
    const fixture = await Fixture.open('frozen');
    const run = (fixture.json.runs as Record<string, { trained: string[]; train_adamw: Log }>)[
      name
    ];
    if (run === undefined) throw new Error(`no run ${name}`);
    const { graph } = golden.parts;
    expect(trainedWeights(graph, { freeze, trainable: 'all' })).toEqual(
      graph.weights.map((weight) => weight.name).filter((weight) => run.trained.includes(weight)),
    );
    await trained({ freeze }, async (program, report) => {
      expectLosses(report, run.train_adamw);
      if (name !== 'all_but_embeddings') await expectWeights(fixture, `${name}.final.`, program);
      const start = await golden.trainable();
      for (const { name: weight } of graph.weights) {
        if (run.trained.includes(weight)) continue;
        expect(program.store.readWeight(weight), weight).toEqual(start.store.readWeight(weight));
      }
      disposeProgram(start);
    });
  });

  it('trains the biases and the head only (BitFit)', async () => {
    const { graph } = golden.parts;
    const names = graph.weights.map(({ name }) => name);
    const wanted = names.filter((name) => /bias$|pooler|classifier/.test(name));
    expect(trainedWeights(graph, { freeze: [], trainable: 'biases' })).toEqual(wanted);
    await trained({ trainable: 'biases' }, async (program, { steps }) => {
      expect(steps.at(-1)?.loss).toBeLessThan(0.9 * (steps[0]?.loss ?? 0));
      const start = await golden.trainable();
      const changed = names.filter((name) => {
        const [now, then] = [program, start].map((one) => one.store.readWeight(name));
        return maxDifference(now as Float32Array, then as Float32Array) > 0;
      });
      expect(changed).toEqual(wanted);
      disposeProgram(start);
    });
  });

  it('refuses parts that it does not have, and weights that one product computes together', () => {
    const { graph } = golden.parts;
    const refuse = (...freeze: string[]) =>
      expect(() => trainedWeights(graph, { freeze, trainable: 'all' }));
    refuse('head', 'layer.2').toThrow(
      /^train: freeze\[1\] must be "embeddings", "encoder", "layer.0" to "layer.1", "head", or a name of weights such as .*, got "layer.2"$/,
    );
    refuse('encoder', 'head').toThrow('train: freeze leaves no weight to train');
    refuse('bert.encoder.layer.0.attention.self.key.weight').toThrow(
      /key\.weight and .*query\.weight are computed together; freeze both or neither$/,
    );
  });

  it('has the learning rate of each layer', async () => {
    const fixture = await Fixture.open('layerwise-lr');
    await trained({ layerDecay: 0.8 }, async (program, report) => {
      expectLosses(report, fixture.json.train_adamw as Log);
      await expectWeights(fixture, 'final.', program);
    });
  });

  it('averages the weights', async () => {
    const fixture = await Fixture.open('weight-average');
    await trained({ averageDecay: 0.9 }, async (program, report) => {
      expectLosses(report, fixture.json.train_adamw as Log);
      await expectWeights(fixture, 'ema.', program);
      const logits = await golden.run('logits', 'sequence', program);
      const theirs = await fixture.tensors.readFloats('ema.logits');
      expect(maxDifference(logits, theirs)).toBeLessThan(1e-4);
    });
  });

  it('accumulates batches to the bits of one batch of all rows', async () => {
    const fixture = await Fixture.open('accumulation');
    const corpus = corpusOf(fixture.json.batch as Batch);
    const found: Float32Array[][] = [];
    for (const [batchSize, gradientAccumulationSteps] of [
      [8, 1],
      [2, 4],
    ] as const) {
      const options = { batchSize, gradientAccumulationSteps };
      const use = async (program: NativeProgram, report: Pick<TrainReport, 'steps'>) => {
        expectLosses(report, fixture.json.four_micro_batches_of_2 as Log);
        found.push(golden.parts.graph.weights.map(({ name }) => program.store.readWeight(name)));
      };
      await trained(options, use, corpus);
    }
    expect(found[1]).toEqual(found[0]);
  });
});
