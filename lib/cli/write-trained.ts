/**
 * Writes a model that `sinter train` made into its folder, with what the flags ask for beside it, and the record of the training.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What is written of a model. */
interface Trained {
  save(path: string): Promise<void>;
  saveAdapter(path: string): Promise<void>;
  quantize(options: {
    readonly signal: AbortSignal;
  }): Promise<AsyncDisposable & { save(path: string): Promise<void> }>;
}

/** `adapter` and `quantize`: the flags. `json`: the content of training.json. */
export async function writeTrained(
  folder: string,
  model: Trained,
  {
    adapter,
    quantize,
  }: { readonly adapter?: boolean | undefined; readonly quantize?: boolean | undefined },
  { json, signal }: { readonly json: object; readonly signal: AbortSignal },
): Promise<void> {
  await model.save(folder);
  if (adapter === true) await model.saveAdapter(join(folder, 'adapter'));
  if (quantize === true) {
    await using small = await model.quantize({ signal });
    await small.save(join(folder, 'int8'));
  }
  await writeFile(join(folder, 'training.json'), `${JSON.stringify(json, null, 2)}\n`);
}
