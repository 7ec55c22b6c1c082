/** Configuration files of trainings: names of both kinds, what is refused and where, and that a run is the one that the options make. */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTrainConfig } from '../../lib/config/index.js';
import { nearestName } from '../../lib/core/nearest-name.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

async function fileOf(text: string, name = 'train.yaml'): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, text);
  return path;
}

const configOf = async (text: string) => readTrainConfig(await fileOf(text));
const classifierOf = async (text: string) =>
  readTrainConfig(await fileOf(text), { model: 'classifier' });

/** A configuration of version 4 as `TrainingArguments.to_json_string` writes it, in part. */
const VERSION_4 = {
  output_dir: 'out',
  overwrite_output_dir: false,
  do_train: true,
  evaluation_strategy: 'steps',
  eval_steps: 50,
  prediction_loss_only: false,
  per_device_train_batch_size: 16,
  per_device_eval_batch_size: 64,
  gradient_accumulation_steps: 2,
  learning_rate: 2e-5,
  weight_decay: 0.01,
  adam_beta1: 0.9,
  adam_beta2: 0.98,
  adam_epsilon: 1e-6,
  max_grad_norm: 0.5,
  num_train_epochs: 4.0,
  max_steps: -1,
  lr_scheduler_type: 'cosine',
  warmup_ratio: 0.06,
  warmup_steps: 0,
  logging_steps: 10,
  save_strategy: 'steps',
  save_steps: 100,
  save_total_limit: 2,
  seed: 7,
  data_seed: null,
  fp16: false,
  bf16: false,
  dataloader_drop_last: false,
  dataloader_num_workers: 4,
  load_best_model_at_end: true,
  metric_for_best_model: 'eval_macroF1',
  greater_is_better: true,
  ignore_data_skip: false,
  fsdp: '',
  deepspeed: null,
  label_smoothing_factor: 0.0,
  optim: 'adamw_torch',
  group_by_length: false,
  report_to: ['none'],
  local_rank: -1,
  push_to_hub: false,
  resume_from_checkpoint: null,
  gradient_checkpointing: true,
};

describe('names of TrainingArguments', () => {
  it('of version 4, as it writes them', async () => {
    expect(await configOf(JSON.stringify(VERSION_4, null, 2))).toEqual({
      saveTo: 'out',
      saveEvery: 100,
      saveTotalLimit: 2,
      evalSteps: 50,
      batchSize: 16,
      gradientAccumulationSteps: 2,
      learningRate: 2e-5,
      weightDecay: 0.01,
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-6,
      maxGradNorm: 0.5,
      epochs: 4,
      schedule: 'cosine',
      warmup: 0.06,
      seed: 7,
      loadBestModelAtEnd: true,
      metricForBestModel: 'macroF1',
      greaterIsBetter: true,
      optimizer: 'adamw',
      groupByLength: false,
    });
  });

  it.each([
    ['eval_strategy: steps\nlogging_steps: 20', { evalSteps: 20 }],
    ['eval_strategy: steps', { evalSteps: 500 }],
    ['eval_strategy: no\neval_steps: 50', {}],
    ['eval_strategy: epoch\neval_steps: 50', {}],
    ['eval_steps: 50', { evalSteps: 50 }],
    ['warmup_steps: 0.06', { warmup: 0.06 }],
    ['warmup_steps: 100\nwarmup_ratio: 0.1', { warmup: 100 }],
    ['warmup_steps: 0', { warmup: 0 }],
    ['lr_scheduler_type: constant', { schedule: 'constant', warmup: 0 }],
    [
      'lr_scheduler_type: constant_with_warmup\nwarmup_steps: 9',
      { schedule: 'constant', warmup: 9 },
    ],
    [
      'lr_scheduler_type: polynomial\nlr_scheduler_kwargs: {power: 2, lr_end: 1.0e-6}',
      { schedule: { kind: 'polynomial', power: 2, endLearningRate: 1e-6 } },
    ],
    ['optim: sgd', { optimizer: 'sgd', momentum: 0 }],
    ['max_steps: 40', { maxSteps: 40 }],
    ['save_strategy: epoch\noutput_dir: x', { saveTo: 'x' }],
    ['save_strategy: no\noutput_dir: x', {}],
    ['output_dir: x\nresume_from_checkpoint: true', { saveTo: 'x', saveEvery: 500, resume: true }],
    [
      'report_to: tensorboard\nlogging_dir: y\nlogging_steps: 5',
      { tensorboard: 'y', loggingSteps: 5 },
    ],
    ['report_to: [tensorboard]\noutput_dir: x\nsave_strategy: "no"', { tensorboard: 'x/runs' }],
    ['logging_steps: 5', {}],
    ['train_sampling_strategy: group_by_length', { groupByLength: true }],
    ['train_sampling_strategy: sequential', { shuffle: false }],
    ['seed: 3\ndata_seed: 3', { seed: 3 }],
    ['early_stopping_patience: 2', { earlyStoppingPatience: 2 }],
  ])('%s', async (text, options) => {
    expect(await configOf(text)).toEqual(options);
  });
});

describe('names of options here', () => {
  it('in YAML, with comments and nested values', async () => {
    const text = `# a run
epochs: 2            # passes
learningRate: 3e-4
schedule: { kind: one_cycle, divFactor: 10 }
freeze: [embeddings, layer.0]
method: lora
lora:
  r: 4
  targets: [query, value]
`;
    expect(await configOf(text)).toEqual({
      epochs: 2,
      learningRate: 3e-4,
      schedule: { kind: 'one_cycle', divFactor: 10 },
      freeze: ['embeddings', 'layer.0'],
      method: 'lora',
      lora: { r: 4, targets: ['query', 'value'] },
    });
  });

  it('of losses, for a kind of model', async () => {
    const text = 'labelSmoothing: 0.1\nclassWeights: {spam: 2}\nsampling: balanced';
    expect(await classifierOf(text)).toEqual({
      labelSmoothing: 0.1,
      classWeights: { spam: 2 },
      sampling: 'balanced',
    });
    const path = await fileOf('scale: 20\nloss: cosent');
    expect(await readTrainConfig(path, { model: 'encoder' })).toEqual({
      scale: 20,
      loss: 'cosent',
    });
    expect(await classifierOf('label_smoothing_factor: 0.2')).toEqual({ labelSmoothing: 0.2 });
  });

  it('none in an empty file', async () => {
    expect(await configOf('# nothing\n')).toEqual({});
  });
});

describe('a configuration is refused', () => {
  it.each([
    ['epochs: 2\nlearning_rat: 1', ':2: unknown key "learning_rat"; did you mean learning_rate?'],
    ['learningrate: 1', ':1: unknown key "learningrate"; did you mean learningRate?'],
    ['banana: 1', ':1: unknown key "banana"; it is neither an option of a training nor a name of'],
    ['onStep: 1', ':1: unknown key "onStep"'],
    ['\nnum_train_epochs: 2.5', ':2: "num_train_epochs" must be a whole number from 1, got 2.5'],
    ['learning_rate: "fast"', ':1: "learning_rate" must be a positive number, got "fast"'],
    [
      'epochs: 2\nnum_train_epochs: 3',
      ':2: "num_train_epochs" says another epochs than "epochs" in line 1',
    ],
    ['epochs: 2\nepochs: 2', ':2: Map keys must be unique'],
    ['epochs: [1', ':1: '],
    ['- epochs', ':1: must hold keys and values'],
    ['a: 1\n---\nb: 2', 'documents'],
    ['epochs: !!js/function "x"', ':1: '],
    ['fp16: true', ':1: "fp16" must be false: trainings compute in f32; got true'],
    ['neftune_noise_alpha: 5', ':1: "neftune_noise_alpha" must be left out: there is no noise'],
    [
      'optim: adafactor',
      ':1: "optim" must be adamw_torch, adamw_torch_fused or sgd; for others give optimizer',
    ],
    ['lr_scheduler_type: cosine_with_min_lr', ':1: "lr_scheduler_type" must be one of linear'],
    ['lr_scheduler_kwargs: {power: 2}', ':1: "lr_scheduler_kwargs" needs lr_scheduler_type'],
    [
      'lr_scheduler_type: cosine\nlr_scheduler_kwargs: {power: 2}',
      ': "lr_scheduler_type": cosine has no "power"',
    ],
    [
      'warmup_steps: 10\nlr_scheduler_type: constant',
      ':2: "lr_scheduler_type" has no warm-up in Trainer',
    ],
    ['warmup_ratio: 1', ':1: "warmup_ratio" must be a share from 0, below 1, got 1'],
    ['save_strategy: best', ':1: "save_strategy" must be no, epoch or steps, got "best"'],
    ['eval_strategy: steps\neval_steps: 0.1', ':2: "eval_steps" must be a whole number of steps'],
    ['report_to: [wandb]', ':1: "report_to" may be none or tensorboard'],
    ['data_seed: 4\nseed: 3', ':1: "data_seed" must be the seed'],
    ['saveEvery: 0', ':1: "saveEvery" must be a whole number from 1, got 0'],
    ['lora: {r: 0}', ':1: "lora": r must be a whole number from 1, got 0'],
    ['labelSmoothing: 0.1', ':1: "labelSmoothing" is an option of classifiers and regressions'],
    [
      'label_smoothing_factor: 0.1',
      ':1: "label_smoothing_factor" is labelSmoothing, which is an option of',
    ],
    ['scale: 3', ':1: "scale" is an option of encoders'],
  ])('%s', async (text, message) => {
    const failure = configOf(text).catch((error) => error);
    expect(await failure).toMatchObject({
      code: 'INVALID_DATA',
      message: expect.stringContaining(message),
      details: { line: expect.any(Number) },
    });
  });

  it('where there is none, or a large one', async () => {
    await expect(readTrainConfig('missing.yaml')).rejects.toThrow('missing.yaml: no such file');
    const path = await fileOf(`# ${'x'.repeat(2 ** 20)}\n`);
    await expect(readTrainConfig(path)).rejects.toThrow('must be at most 1048576 bytes');
  });
});

describe('the nearest name', () => {
  it.each([
    ['epoch', ['batchSize', 'epochs'], 'epochs'],
    ['eval_strateyg', ['evaluation_strategy', 'eval_strategy'], 'eval_strategy'],
    ['weight-decay', ['weightDecay'], 'weightDecay'],
    ['zzz', ['epochs'], undefined],
    ['', ['a', 'b'], 'a'],
  ])('to %j', (name, names, nearest) => {
    expect(nearestName(name, names)).toBe(nearest);
  });
});
