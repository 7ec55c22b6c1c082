/**
 * Every hidden state, logit, loss, gradient and optimizer step of the reference encoders, against PyTorch's numbers.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { native } from '../../lib/native/native.js';
import type { NativeProgram } from '../../lib/native/program.js';
import type { NativeTrainer } from '../../lib/native/training.js';
import { parameterGroups } from '../../lib/train/parameter-groups.js';
import { learningRateAt } from '../../lib/train/schedule.js';
import { trainStep, tryStep } from '../../lib/train/step.js';
import { readTrainOptions, TRAIN_OPTIONS } from '../../lib/train/train-options.js';
import { decayedWeights } from '../../lib/train/weight-decay.js';
import { ENCODERS, encoderFolder } from '../architectures/encoders.js';
import { Golden, maxAbs, maxDifference } from './golden.js';

const OUTPUT_TOLERANCE = 1e-5;
const LOSS_TOLERANCE = 1e-5;
/** Relative to the largest gradient of the tensor. */
const GRADIENT_TOLERANCE = 1e-4;
/** Gradients that are exactly 0 come out as rounding, in PyTorch too: one unit of f32 of the gradient's norm. */
const GRADIENT_NOISE = 1e-7;
/** Times the difference between PyTorch's own float32 and float64 runs, as the fixtures' notes say. */
const FINAL_FACTOR = 4;
/** A thousandth of the way that ten steps of 1e-3 can go. */
const FINAL_NOISE = 1e-5;

const ADAMW = { kind: 'adamw', beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

interface StepLog {
  readonly losses: number[];
  readonly gradNorms: number[];
}

/** Runs steps with the learning rate that `rate` gives; the loss of each is the one before its update. */
async function train(
  golden: Golden,
  program: NativeProgram,
  steps: number,
  weightDecay: number,
  maxGradNorm: number,
  rate: (step: number) => number,
): Promise<StepLog & { lossAfter: number }> {
  const settings = readTrainOptions('train', {}, TRAIN_OPTIONS);
  const groups = parameterGroups(golden.parts.graph, { ...settings, weightDecay });
  const { Trainer } = native();
  const trainer = new Trainer(program, { optimizer: ADAMW, groups });
  const log: StepLog = { losses: [], gradNorms: [] };
  for (let step = 0; step < steps; step++) {
    const { loss, gradNorm } = await oneStep(golden, program, trainer, {
      learningRate: rate(step),
      maxGradNorm,
      update: true,
    });
    log.losses.push(loss);
    log.gradNorms.push(gradNorm);
  }
  const options = { learningRate: 0, maxGradNorm: 0, update: false };
  const { loss: lossAfter } = await oneStep(golden, program, trainer, options);
  trainer.dispose();
  return { ...log, lossAfter };
}

async function oneStep(
  golden: Golden,
  program: NativeProgram,
  trainer: NativeTrainer,
  options: { learningRate: number; maxGradNorm: number; update: boolean },
): Promise<{ loss: number; gradNorm: number }> {
  const { step, value } = await golden.loss(program);
  const all = { ...options, dropoutSeed: null };
  const take = options.update ? trainStep : tryStep;
  const result = await take(trainer, golden.batch, [step], all);
  return { loss: value ?? result.loss, gradNorm: result.gradNorm };
}

function expectClose(ours: readonly number[], theirs: readonly number[], relative: number): void {
  expect(ours).toHaveLength(theirs.length);
  for (const [i, value] of theirs.entries()) {
    expect(Math.abs((ours[i] ?? Number.NaN) - value)).toBeLessThan(relative * Math.max(1, value));
  }
}

/**
 * transformers takes the softmax over padding too when it asks where an answer is. Sinter has no padding, so its loss is
 * another one; the rows of bert-qa-nopad have one length, and there all must agree.
 */
const WITHOUT_LOSS = 'bert-qa';

const HERE = Object.keys(ENCODERS).filter((name) => encoderFolder(name) !== null);
const MISSING = Object.keys(ENCODERS).filter((name) => !HERE.includes(name));

describe.skipIf(MISSING.length > 0)('the reference encoders of ../shared', () => {
  it('are all here', () => {
    expect(HERE).toHaveLength(19);
  });
});

describe.each(HERE)('%s', (name) => {
  const trains = name !== WITHOUT_LOSS;
  let golden: Golden;
  beforeAll(async () => {
    golden = await Golden.open(name);
  });
  afterAll(async () => {
    await golden.close();
  });

  it('has the hidden states of PyTorch after the embeddings and every layer', async () => {
    for (let i = 0; i < golden.json.hidden_states; i++) {
      const ours = await golden.run(`hidden.${i}`, 'token');
      const theirs = await golden.tokens(`hidden_states.${i}`);
      expect(maxDifference(ours, theirs), `hidden.${i}`).toBeLessThan(OUTPUT_TOLERANCE);
    }
    const last = await golden.tokens('last_hidden_state');
    expect(maxDifference(await golden.run('hidden', 'token'), last)).toBeLessThan(OUTPUT_TOLERANCE);
  });

  it('has the pooled output and the logits of PyTorch', async () => {
    const { outputs } = golden.parts.graph;
    const { tensors } = golden;
    if (tensors.tensors.has('pooler_output')) {
      const pooled = await golden.run('pooled', 'sequence');
      expect(maxDifference(pooled, await tensors.readFloats('pooler_output'))).toBeLessThan(
        OUTPUT_TOLERANCE,
      );
    }
    const { task } = golden.parts.head;
    expect(outputs.logits !== undefined).toBe(task !== 'embedding');
    if (outputs.logits === undefined) return;
    const rows = task === 'classification' ? 'sequence' : 'token';
    const ours = await golden.run('logits', rows);
    const theirs = await golden.logits();
    expect(maxDifference(ours, theirs)).toBeLessThan(OUTPUT_TOLERANCE);
  });

  it.runIf(trains)('has the loss and the gradient of every parameter of PyTorch', async () => {
    const program = await golden.trainable();
    const { Trainer } = native();
    const trainer = new Trainer(program, { optimizer: ADAMW, groups: [] });
    const options = { learningRate: 0, maxGradNorm: 0, update: false };
    const { loss } = await oneStep(golden, program, trainer, options);
    expect(Math.abs(loss - golden.json.loss)).toBeLessThan(LOSS_TOLERANCE);
    const names = golden.parts.graph.weights.map((weight) => weight.name).sort();
    expect(names).toEqual([...golden.json.parameters].sort());
    for (const weight of golden.json.parameters) {
      const ours = trainer.readGradient(weight);
      if (golden.json.parameters_without_gradient.includes(weight)) {
        expect(maxAbs(ours), weight).toBe(0);
        continue;
      }
      const theirs = await golden.tensors.readFloats(`grad.${weight}`);
      const bound = GRADIENT_TOLERANCE * maxAbs(theirs) + GRADIENT_NOISE;
      expect(maxDifference(ours, theirs), weight).toBeLessThan(bound);
    }
    trainer.dispose();
    program.dispose();
  });

  it('decays the weights that PyTorch decays', () => {
    const { decayed } = golden.json.train_adamw;
    expect(decayedWeights(golden.parts.graph).sort()).toEqual([...decayed].sort());
  });

  it.runIf(trains)('takes ten AdamW steps as PyTorch does', async () => {
    const log = golden.json.train_adamw;
    const program = await golden.trainable();
    const ours = await train(golden, program, log.steps, log.weight_decay, 0, () => log.lr);
    expectClose(ours.losses, log.losses, LOSS_TOLERANCE);
    expectClose(ours.gradNorms, log.grad_norms, GRADIENT_TOLERANCE);
    expectClose([ours.lossAfter], [log.loss_after], LOSS_TOLERANCE);
    for (const weight of golden.json.parameters) {
      const theirs = await golden.tensors.readFloats(`final.${weight}`);
      const noise = golden.json.float64.max_abs_diff.final[weight] ?? 0;
      const bound = FINAL_FACTOR * noise + FINAL_NOISE;
      expect(maxDifference(program.store.readWeight(weight), theirs), weight).toBeLessThan(bound);
    }
    program.dispose();
  });

  it.runIf(trains)('clips and schedules as PyTorch does', async () => {
    const log = golden.json.train_clip_linear;
    const schedule = {
      kind: 'linear',
      learningRate: log.lr,
      warmupSteps: log.warmup_steps,
      totalSteps: log.steps,
    } as const;
    for (const [step, rate] of log.lrs.entries()) {
      expect(learningRateAt(schedule, step)).toBeCloseTo(rate, 12);
    }
    const program = await golden.trainable();
    const rate = (step: number) => learningRateAt(schedule, step);
    const decay = golden.json.train_adamw.weight_decay;
    const ours = await train(golden, program, log.steps, decay, log.max_grad_norm, rate);
    expectClose(ours.losses, log.losses, LOSS_TOLERANCE);
    expectClose(ours.gradNorms, log.grad_norms, GRADIENT_TOLERANCE);
    expectClose([ours.lossAfter], [log.loss_after], LOSS_TOLERANCE);
    program.dispose();
  });
});
