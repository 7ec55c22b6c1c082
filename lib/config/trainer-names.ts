/**
 * TrainingArguments of transformers, version 4 and 5: what each name means for a training here.
 *
 * The rule: a name is taken over, or its value changes no result here, or it is refused; nothing that changes results is left out.
 */

import type { JsonValue } from '../core/json.js';

/** Values of the names that a file has; a name with null is as one that is left out. */
export type Given = Readonly<Record<string, JsonValue>>;

/** Throws an error about a name: it `what`. */
export type Refuse = (name: string, what: string) => never;

type Options = Readonly<Record<string, unknown>>;

/** Names that mean one option. */
export const RENAMED: Readonly<Record<string, string>> = {
  num_train_epochs: 'epochs',
  per_device_train_batch_size: 'batchSize',
  per_gpu_train_batch_size: 'batchSize',
  gradient_accumulation_steps: 'gradientAccumulationSteps',
  learning_rate: 'learningRate',
  weight_decay: 'weightDecay',
  adam_beta1: 'beta1',
  adam_beta2: 'beta2',
  adam_epsilon: 'epsilon',
  max_grad_norm: 'maxGradNorm',
  load_best_model_at_end: 'loadBestModelAtEnd',
  greater_is_better: 'greaterIsBetter',
  save_total_limit: 'saveTotalLimit',
  group_by_length: 'groupByLength',
  // Of EarlyStoppingCallback, which configurations often have beside them.
  early_stopping_patience: 'earlyStoppingPatience',
  early_stopping_threshold: 'earlyStoppingThreshold',
};

/** Names that change no result here, whatever their value. */
export const WITHOUT_EFFECT: ReadonlySet<string> = new Set(
  `per_device_eval_batch_size per_gpu_eval_batch_size eval_accumulation_steps eval_do_concat_batches batch_eval_metrics
  eval_use_gather_object prediction_loss_only include_inputs_for_metrics include_for_metrics auto_find_batch_size
  gradient_checkpointing gradient_checkpointing_kwargs activation_checkpointing activation_checkpointing_kwargs
  torch_compile torch_compile_backend torch_compile_mode use_liger_kernel liger_kernel_config use_cache jit_mode_eval
  torch_empty_cache_steps average_tokens_across_devices dataloader_num_workers dataloader_pin_memory
  dataloader_persistent_workers dataloader_prefetch_factor dataloader_multiprocessing_context dataloader_in_order
  remove_unused_columns length_column_name full_determinism no_cuda use_cpu use_mps_device use_ipex xpu_backend
  ddp_find_unused_parameters ddp_bucket_cap_mb ddp_broadcast_buffers ddp_static_graph ddp_backend ddp_timeout
  ddp_timeout_delta skip_memory_metrics disable_tqdm log_level log_level_replica log_on_each_node logging_first_step
  logging_nan_inf_filter include_num_input_tokens_seen include_tokens_per_second run_name project trackio_space_id
  trackio_bucket_id trackio_static_space_id hub_model_id hub_token hub_strategy hub_private_repo hub_always_push
  hub_revision push_to_hub_model_id push_to_hub_organization push_to_hub_token save_on_each_node save_safetensors
  enable_jit_checkpoint restore_callback_states_from_checkpoint half_precision_backend fp16_backend fp16_opt_level
  do_eval do_predict debug tpu_metrics_debug ray_scope mp_parameters past_index`.split(/\s+/),
);

/** Names that are taken with these values only, which say what is done here anyway; and what to do about others. */
export const ONLY: Readonly<Record<string, readonly [values: readonly JsonValue[], why: string]>> =
  {
    fp16: [[false], 'trainings compute in f32'],
    bf16: [[false], 'trainings compute in f32'],
    fp16_full_eval: [[false], 'evaluations compute in f32'],
    bf16_full_eval: [[false], 'evaluations compute in f32'],
    tf32: [[false], 'trainings compute in f32'],
    do_train: [[true], 'this is a training'],
    dataloader_drop_last: [[false], 'the last batch of an epoch is trained on however small'],
    neftune_noise_alpha: [[], 'there is no noise on embeddings'],
    eval_delay: [[0], 'evaluations begin with the first epoch'],
    eval_on_start: [[false], 'the model is first evaluated after steps'],
    ignore_data_skip: [[false], 'a resumed training goes on with the next batch'],
    save_only_model: [[false], 'a checkpoint is what a training goes on from'],
    push_to_hub: [[false], 'nothing is uploaded'],
    overwrite_output_dir: [
      [false],
      'a folder with checkpoints is gone on with (resume), or removed by hand',
    ],
    adafactor: [[false], 'there is no Adafactor'],
    optim_args: [
      [''],
      'the options of optimizers are beta1, beta2, epsilon, momentum and nesterov',
    ],
    optim_target_modules: [[], 'freeze and lora choose what is trained'],
    label_names: [[['labels']], 'rows have their targets in label, labels, tags or value'],
    deepspeed: [['', {}], 'a training runs in one process'],
    fsdp: [['', [], false], 'a training runs in one process'],
    fsdp_config: [['', {}], 'a training runs in one process'],
    fsdp_min_num_params: [[0], 'a training runs in one process'],
    fsdp_transformer_layer_cls_to_wrap: [[], 'a training runs in one process'],
    sharded_ddp: [['', []], 'a training runs in one process'],
    local_rank: [[-1, 0], 'a training runs in one process'],
    tpu_num_cores: [[], 'a training runs on the CPU'],
    parallelism_config: [[], 'a training runs in one process'],
    accelerator_config: [[], 'a training runs in one process'],
    logging_strategy: [['steps'], 'logs are written every loggingSteps steps'],
  };

/** Kinds of learning rate schedules by their names in Trainer. */
const SCHEDULES: Readonly<Record<string, string>> = {
  linear: 'linear',
  constant: 'constant',
  constant_with_warmup: 'constant',
  cosine: 'cosine',
  cosine_with_restarts: 'cosine_with_restarts',
  polynomial: 'polynomial',
  inverse_sqrt: 'inverse_sqrt',
};

const SCHEDULE_NUMBERS: Readonly<Record<string, string>> = {
  num_cycles: 'numCycles',
  power: 'power',
  lr_end: 'endLearningRate',
  timescale: 'timescale',
};

/** Optimizers with the same arithmetic. */
const ADAMW: readonly unknown[] = [
  ...['adamw_torch', 'adamw_torch_fused', 'adamw_torch_xla', 'adamw_torch_npu_fused'],
  'adamw_apex_fused',
];

const STEPS = 500;

/** Names that are read together. `read` gives the options that they mean; every name may be missing. */
export const GROUPS: readonly {
  readonly names: readonly string[];
  readonly read: (given: Given, refuse: Refuse) => Options;
}[] = [
  {
    names: ['max_steps'],
    read: ({ max_steps: n }) => (isNumber(n) && n <= 0 ? {} : { maxSteps: n }),
  },
  {
    names: ['label_smoothing_factor'],
    // 0 is no smoothing, which losses without it have too.
    read: ({ label_smoothing_factor: share }) => (share === 0 ? {} : { labelSmoothing: share }),
  },
  {
    names: ['metric_for_best_model'],
    read: ({ metric_for_best_model: name }) => ({
      metricForBestModel: typeof name === 'string' ? name.replace(/^eval_/, '') : name,
    }),
  },
  { names: ['optim'], read: readOptimizer },
  {
    names: ['lr_scheduler_type', 'lr_scheduler_kwargs', 'warmup_steps', 'warmup_ratio'],
    read: readSchedule,
  },
  {
    names: ['eval_strategy', 'evaluation_strategy', 'eval_steps', 'logging_steps'],
    read: readEvaluation,
  },
  {
    names: ['output_dir', 'save_strategy', 'save_steps', 'resume_from_checkpoint'],
    read: readSaving,
  },
  { names: ['report_to', 'logging_dir', 'output_dir', 'logging_steps'], read: readLogs },
  { names: ['seed', 'data_seed'], read: readSeeds },
  { names: ['train_sampling_strategy'], read: readSampling },
];

/** All names of TrainingArguments that are known. */
export const TRAINER_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(RENAMED),
  ...WITHOUT_EFFECT,
  ...Object.keys(ONLY),
  ...GROUPS.flatMap(({ names }) => names),
]);

function isNumber(value: unknown): value is number {
  return typeof value === 'number';
}

function readOptimizer({ optim }: Given, refuse: Refuse): Options {
  if (ADAMW.includes(optim)) return { optimizer: 'adamw' };
  // torch.optim.SGD has no momentum by default, and Trainer gives none.
  if (optim === 'sgd') return { optimizer: 'sgd', momentum: 0 };
  const what =
    "must be adamw_torch, adamw_torch_fused or sgd; for others give optimizer: 'adam', 'lamb' or 'lion'";
  return refuse('optim', what);
}

function readSchedule(given: Given, refuse: Refuse): Options {
  const { lr_scheduler_type: type, lr_scheduler_kwargs: kwargs } = given;
  const warmup = readWarmup(given, refuse);
  if (type === undefined) {
    return kwargs === undefined ? warmup : refuse('lr_scheduler_kwargs', 'needs lr_scheduler_type');
  }
  const kind = SCHEDULES[String(type)];
  if (kind === undefined) {
    const names = Object.keys(SCHEDULES).join(', ');
    return refuse('lr_scheduler_type', `must be one of ${names}, or give schedule`);
  }
  if (type === 'constant' && warmup.warmup !== undefined && warmup.warmup !== 0) {
    const what = 'has no warm-up in Trainer; with one it is constant_with_warmup';
    return refuse('lr_scheduler_type', what);
  }
  const own = type === 'constant' ? { warmup: 0 } : warmup;
  if (kwargs === undefined) return { schedule: kind, ...own };
  if (typeof kwargs !== 'object' || kwargs === null || Array.isArray(kwargs))
    return refuse('lr_scheduler_kwargs', 'must hold numbers by their names');
  const numbers = Object.entries(kwargs).map(([name, value]) => {
    const option = SCHEDULE_NUMBERS[name];
    if (option === undefined) {
      const names = Object.keys(SCHEDULE_NUMBERS).join(', ');
      return refuse('lr_scheduler_kwargs', `may hold ${names}, got ${name}`);
    }
    return [option, value] as const;
  });
  if (numbers.length === 0) return { schedule: kind, ...own };
  return { schedule: { kind, ...Object.fromEntries(numbers) }, ...own };
}

/** As Trainer has it: warmup_steps counts where it is not 0, else warmup_ratio. */
function readWarmup({ warmup_steps: steps, warmup_ratio: ratio }: Given, refuse: Refuse): Options {
  if (steps !== undefined && !isNumber(steps)) return refuse('warmup_steps', 'must be a number');
  if (ratio !== undefined && !(isNumber(ratio) && ratio >= 0 && ratio < 1))
    return refuse('warmup_ratio', 'must be a share from 0, below 1');
  const warmup = steps === undefined || steps === 0 ? (ratio ?? steps) : steps;
  return warmup === undefined ? {} : { warmup };
}

/** `no` of YAML 1.1 is false. */
const isNo = (value: unknown): boolean => value === 'no' || value === false;

function readEvaluation(given: Given, refuse: Refuse): Options {
  const { eval_strategy, evaluation_strategy, eval_steps: steps, logging_steps } = given;
  const name = eval_strategy === undefined ? 'evaluation_strategy' : 'eval_strategy';
  const strategy = eval_strategy ?? evaluation_strategy;
  if (strategy !== undefined && !isNo(strategy) && strategy !== 'epoch' && strategy !== 'steps')
    return refuse(name, 'must be no, epoch or steps');
  if (isNo(strategy) || strategy === 'epoch') return {};
  const every = steps ?? (strategy === 'steps' ? (logging_steps ?? STEPS) : undefined);
  if (every === undefined) return {};
  if (isNumber(every) && every > 0 && every < 1)
    return refuse(
      'eval_steps',
      'must be a whole number of steps; a share of all steps is not read',
    );
  return { evalSteps: every };
}

function readSaving(given: Given, refuse: Refuse): Options {
  const { output_dir: folder, save_strategy: strategy, save_steps: steps } = given;
  const { resume_from_checkpoint: from } = given;
  const resume =
    from === undefined || typeof from === 'boolean'
      ? from
      : refuse(
          'resume_from_checkpoint',
          'must be true or false; true goes on from the newest checkpoint in output_dir',
        );
  if (strategy !== undefined && !isNo(strategy) && strategy !== 'epoch' && strategy !== 'steps')
    return refuse('save_strategy', 'must be no, epoch or steps');
  const going = resume === true ? { resume } : {};
  if (isNo(strategy) || folder === undefined) return going;
  if (strategy === 'epoch') return { saveTo: folder, ...going };
  if (isNumber(steps) && steps > 0 && steps < 1)
    return refuse(
      'save_steps',
      'must be a whole number of steps; a share of all steps is not read',
    );
  return { saveTo: folder, saveEvery: steps ?? STEPS, ...going };
}

function readLogs(given: Given, refuse: Refuse): Options {
  const { report_to, logging_dir, output_dir, logging_steps: loggingSteps } = given;
  const all = Array.isArray(report_to) ? report_to : report_to === undefined ? [] : [report_to];
  const others = all.filter((one) => one !== 'none' && one !== 'tensorboard');
  if (others.length > 0)
    return refuse(
      'report_to',
      'may be none or tensorboard; for other programs see onStep and logTo',
    );
  const steps = loggingSteps === undefined ? {} : { loggingSteps };
  if (!all.includes('tensorboard')) return steps;
  if (logging_dir !== undefined) return { tensorboard: logging_dir, ...steps };
  if (typeof output_dir !== 'string')
    return refuse('report_to', 'needs logging_dir, or give tensorboard');
  return { tensorboard: `${output_dir}/runs`, ...steps };
}

function readSeeds({ seed, data_seed: data }: Given, refuse: Refuse): Options {
  if (data !== undefined && data !== seed)
    return refuse('data_seed', 'must be the seed, because one seed decides all that is drawn');
  return seed === undefined ? {} : { seed };
}

function readSampling({ train_sampling_strategy: how }: Given, refuse: Refuse): Options {
  if (how === 'random') return {};
  if (how === 'sequential') return { shuffle: false };
  if (how === 'group_by_length') return { groupByLength: true };
  return refuse('train_sampling_strategy', 'must be random, sequential or group_by_length');
}
