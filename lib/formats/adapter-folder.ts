/**
 * Refuses model folders with a PEFT adapter, whose base model is not in the folder.
 *
 * The rule: transformers applies an adapter whenever adapter_config.json exists, whatever other files the folder has.
 * Sinter merges adapters into a loaded base or runs them beside it where it is told to, and refuses the folder instead of loading it without its adapter.
 */

import { join } from 'node:path';
import { SinterError, show } from '../core/errors.js';
import { fileExists, readJsonObject } from '../core/json.js';

export const ADAPTER_CONFIG = 'adapter_config.json';

/** Adapter types that add vectors to the inputs or the attention of a model and change none of its weights. */
const PROMPT_TYPES: ReadonlySet<unknown> = new Set([
  ...['PROMPT_TUNING', 'MULTITASK_PROMPT_TUNING', 'P_TUNING', 'PREFIX_TUNING'],
  ...['ADAPTION_PROMPT', 'CPT'],
]);

/** Throws UNSUPPORTED_MODEL where `folder` has an adapter_config.json. */
export async function refuseAdapter(folder: string): Promise<void> {
  const file = join(folder, ADAPTER_CONFIG);
  if (!(await fileExists(file))) return;
  const {
    peft_type: type,
    adapter_type: own,
    base_model_name_or_path: base,
  } = await readJsonObject(file);
  const other = own === 'bottleneck' ? 'bottleneck' : 'no peft_type';
  const kind = `an adapter (${typeof type === 'string' ? `PEFT, ${type}` : other})`;
  const model = typeof base === 'string' ? ` of the model ${show(base)}` : '';
  const beside = 'load its base and run the folder beside it: loadAdapter(folder, { name })';
  const merge =
    own === 'bottleneck'
      ? beside
      : type === 'LORA' || type === 'IA3'
        ? 'load its base and merge the folder into it: mergeAdapter(folder), or `sinter convert --adapter`'
        : 'merge it in Python: PeftModel.from_pretrained(model, folder).merge_and_unload().save_pretrained(merged)';
  const advice = PROMPT_TYPES.has(type) ? 'its prompts cannot be merged into the model' : merge;
  throw new SinterError(
    'UNSUPPORTED_MODEL',
    `${file}: ${kind}${model}, not a model by itself; ${advice}`,
    { details: { file } },
  );
}
