/** Writes the adapter of a model: LoRA and IA3 as `peft` stores them, bottleneck adapters in Sinter's own form. */

import { SinterError } from '../core/errors.js';
import type { JsonObject } from '../core/json.js';
import { writePeftFolder } from '../formats/peft-folder.js';
import type { Task } from '../graph/tasks.js';
import type { Adapter, BottleneckAdapter, Ia3Adapter, LoraAdapter } from '../runtime/adapter.js';
import type { ModelParts } from '../runtime/model-parts.js';

/** task_type of PEFT; null: it has none. */
const TASK_TYPES: Readonly<Record<Task, string | null>> = {
  embedding: 'FEATURE_EXTRACTION',
  classification: 'SEQ_CLS',
  'token-classification': 'TOKEN_CLS',
  'question-answering': 'QUESTION_ANS',
  'masked-lm': null,
};

/** Throws INVALID_DATA for a model without an adapter, and for one whose base has no name. */
export async function saveAdapter(
  where: string,
  { adapter, head }: ModelParts,
  path: string,
  { overwrite, base }: { readonly overwrite: boolean; readonly base: string | undefined },
): Promise<void> {
  if (adapter === undefined) {
    const what = "the model has no adapter; train it with method: 'lora', 'ia3' or 'bottleneck'";
    throw new SinterError('INVALID_DATA', `${where}: ${what}`);
  }
  const of = base ?? adapter.base;
  if (of === null) {
    const what =
      'the base of the adapter is a model that was trained or changed after it was loaded; save that model before the ' +
      'training, and give its path as base';
    throw new SinterError('INVALID_DATA', `${where}: ${what}`);
  }
  const { whole, tensors } = adapter;
  const modules = [...new Set(whole.map((name) => name.split('.')[0] ?? ''))];
  const common = {
    ...{ task_type: TASK_TYPES[head.task], base_model_name_or_path: of },
    modules_to_save: whole.length === 0 ? null : modules,
  };
  const config = { ...configOf(adapter), ...common };
  const own = whole.length === 0 ? null : adapter.head;
  await writePeftFolder(path, { config, tensors, head: own }, { where, overwrite });
}

function configOf(adapter: Adapter): JsonObject {
  switch (adapter.kind) {
    case 'lora':
      return loraConfig(adapter);
    case 'ia3':
      return ia3Config(adapter);
    case 'bottleneck':
      return bottleneckConfig(adapter);
  }
}

function loraConfig({ settings, matrices }: LoraAdapter): JsonObject {
  return {
    ...{ peft_type: 'LORA', r: settings.r, lora_alpha: settings.alpha },
    // The modules themselves: `all-linear` means other ones to PEFT where the head is not known to it.
    target_modules: matrices.map(({ module }) => module).sort(),
    ...{ lora_dropout: settings.dropout, use_rslora: settings.rslora, bias: 'none' },
    ...{ rank_pattern: settings.rankPattern, alpha_pattern: settings.alphaPattern },
    ...{ fan_in_fan_out: false, use_dora: settings.useDora === true, inference_mode: true },
    init_lora_weights: true,
  };
}

function ia3Config({ matrices }: Ia3Adapter): JsonObject {
  const modules = matrices.map(({ module }) => module).sort();
  const inputs = matrices.filter(({ side }) => side === 'input').map(({ module }) => module);
  return {
    ...{ peft_type: 'IA3', target_modules: modules, feedforward_modules: inputs.sort() },
    ...{ fan_in_fan_out: false, inference_mode: true, init_ia3_weights: true },
  };
}

function bottleneckConfig({ settings }: BottleneckAdapter): JsonObject {
  const { kind, reductionFactor, size, activation } = settings;
  return {
    ...{ adapter_type: 'bottleneck', mh_adapter: kind === 'houlsby', output_adapter: true },
    ...{ original_ln_before: kind === 'pfeiffer', reduction_factor: reductionFactor },
    ...{ bottleneck_size: size, non_linearity: activation },
  };
}
