/**
 * Puts a newly loaded model in the place of a served one, without a request noticing.
 *
 * The rule: the old model stays until the new one was loaded, run and compared; requests that have begun end on the old one.
 */
import { SinterError } from '../core/errors.js';
import { type CanaryReport, compareModels } from './canary.js';
import { HeldModel } from './held-model.js';
import type { ModelEntry } from './model-registry.js';
import type { ModelSource } from './model-source.js';
import { openSource } from './open-model.js';
import type { ServingSettings } from './server-options.js';
import { warmUp } from './warm-up.js';

/** What a reload did. */
export interface ReloadReport extends CanaryReport {
  readonly name: string;
  /** Versions before and after; equal where the files have not changed. */
  readonly from: string;
  readonly to: string;
  readonly ms: number;
}

/**
 * Loads the model of an entry from where it came, or from `source`, which the entry then has. Throws what loading or comparing throws; the old
 * model is then still served.
 */
export async function reloadModel(
  entry: ModelEntry,
  settings: ServingSettings,
  signal: AbortSignal,
  source: ModelSource = entry.given.source,
): Promise<ReloadReport> {
  const { name, given, held: old } = entry;
  if (given.model !== null) {
    const what = `the model ${JSON.stringify(name)} was given as an object; one with a path can be loaded again`;
    throw new SinterError('UNSUPPORTED_MODEL', `reload: ${what}`);
  }
  if (entry.reloading)
    throw new SinterError('OVERLOADED', `reload: ${name} is being loaded already`);
  entry.reloading = true;
  const began = performance.now();
  try {
    const next = new HeldModel(await openSource(name, source, settings, signal));
    try {
      if (settings.warmUp) await warmUp(next, settings, source, signal);
      const found = await compareModels(old, next, source.canary);
      signal.throwIfAborted();
      entry.held = next;
      entry.given = { ...given, source };
      // Freed when its last request has ended, which nobody waits for here.
      void old.retire();
      const ms = Math.round(performance.now() - began);
      return { name, from: old.info.version, to: next.info.version, ms, ...found };
    } catch (error) {
      await next.retire();
      throw error;
    }
  } finally {
    entry.reloading = false;
  }
}
