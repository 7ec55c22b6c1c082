/**
 * Folders of models that parts were taken out of.
 */
import { join } from 'node:path';
import { saveModel } from '../../lib/checkpoint/save-model.js';
import { cutModel, type ModelCut } from '../../lib/compress/cut-model.js';
import type { Encoder } from '../../lib/models/encoder.js';
import { insideOf } from '../../lib/models/text-model.js';
import type { ModelParts } from '../../lib/runtime/model-parts.js';
import { temporaryFolder } from '../formats/temporary-folder.js';

/** `model` with these parts taken out, one after the other, in a folder. */
export async function cutFolder(model: Encoder, ...cuts: readonly ModelCut[]): Promise<string> {
  return cutInto(join(await temporaryFolder(), 'cut'), model, ...cuts);
}

/** As cutFolder, into the given folder. */
export async function cutInto(folder: string, model: Encoder, ...cuts: readonly ModelCut[]) {
  const { parts, use } = insideOf(model);
  await use('cut', async (program) => {
    let [last, source]: [ModelParts, typeof program] = [parts, program];
    const made: ModelParts[] = [];
    for (const cut of cuts) {
      last = await cutModel('cut', last, source, cut);
      made.push(last);
      const next = await last.program.use('cut', (own) => own);
      source = next;
    }
    await saveModel(last, source, folder, {});
    for (const { program: own } of made) await own.retire();
  });
  return folder;
}
