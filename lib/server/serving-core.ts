/**
 * A server's models and what belongs to them, without HTTP: loading, readiness, reload, the end.
 *
 * The rule: what was loaded here is disposed of here; a model that the user gave stays the user's.
 */
import { lowerLanePriority } from '../native/lanes.js';
import { Admission } from './admission.js';
import { HeldModel } from './held-model.js';
import { Life } from './life.js';
import { ModelEntry, ModelRegistry } from './model-registry.js';
import { type ModelGiven, type ModelSource, readReloaded } from './model-source.js';
import { Observability } from './observe/observability.js';
import { readObserve } from './observe/options.js';
import { openGiven, openSource } from './open-model.js';
import { type ReloadReport, reloadModel } from './reload.js';
import type { ServingSettings } from './server-options.js';
import { Shadow } from './shadow.js';
import { warmUp } from './warm-up.js';

export class ServingCore {
  readonly life = new Life();
  private readonly ended = new AbortController();
  private closing: Promise<void> | null = null;

  private constructor(
    readonly registry: ModelRegistry,
    readonly admission: Admission,
    readonly observability: Observability,
    readonly settings: ServingSettings,
  ) {}

  /** Loads the models one after the other; if one fails, those that were loaded are freed. */
  static async load(given: readonly ModelGiven[], settings: ServingSettings): Promise<ServingCore> {
    const names = given.map(({ name }) => name);
    const observe = readObserve(`${settings.where}: observe`, settings.observe, names);
    const entries: ModelEntry[] = [];
    try {
      for (const one of given) entries.push(await loadEntry(one, settings));
      const registry = new ModelRegistry(entries);
      const admission = new Admission(settings.maxConcurrentRequests);
      const observability = await Observability.open(observe, { registry, admission });
      const observers = [...settings.observers, observability.observer];
      return new ServingCore(registry, admission, observability, { ...settings, observers });
    } catch (error) {
      await Promise.all(entries.map(retire));
      throw error;
    }
  }

  /** Runs every model once, then the server is ready and its event loop goes before the lanes. */
  async warmUp(): Promise<void> {
    const { settings } = this;
    if (settings.warmUp) {
      const { signal: given } = settings;
      const { signal: ended } = this.ended;
      const signal = given === undefined ? ended : AbortSignal.any([given, ended]);
      for (const entry of this.registry.all()) {
        const { source } = entry.given;
        await warmUp(entry.held, settings, source, signal);
      }
    }
    if (settings.laneNiceness > 0) lowerLanePriority(settings.laneNiceness);
    this.life.markReady();
  }

  /** Loads a model again, from where it came or from `source`. Throws `model-not-found`, or what `reloadModel` throws. */
  async reload(name: string, source?: ModelSource): Promise<ReloadReport> {
    const entry = this.registry.named(name);
    if (source !== undefined) readReloaded('reload', name, entry.given.source, source);
    return reloadModel(entry, this.settings, this.ended.signal, source);
  }

  /** Frees the models. May be called twice. */
  close(): Promise<void> {
    this.closing ??= (async () => {
      this.ended.abort();
      await Promise.all(this.registry.all().map(retire));
      await this.observability.close();
    })();
    return this.closing;
  }
}

async function loadEntry(given: ModelGiven, settings: ServingSettings): Promise<ModelEntry> {
  const { signal } = settings;
  const held = new HeldModel(await openGiven(given, settings, signal));
  const { shadow } = given.source;
  if (shadow === undefined) return new ModelEntry(given, held, null, settings);
  try {
    const { shadow: _, canary: __, ...like } = given.source;
    const candidate = await openSource(
      given.name,
      { ...like, path: shadow.path },
      settings,
      signal,
    );
    const beside = new Shadow(new HeldModel(candidate), shadow.share);
    return new ModelEntry(given, held, beside, settings);
  } catch (error) {
    await held.retire();
    throw error;
  }
}

async function retire({ held, shadow }: ModelEntry): Promise<void> {
  await shadow?.retire();
  await held.retire();
}
