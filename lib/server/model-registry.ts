/**
 * The served models by name, and the choice of the one that a request means.
 *
 * The rule: a name always has a model; a reload puts another one in its place between two requests.
 */
import { ModelGauge } from './admission.js';
import { type ServedInfo, WrongTask } from './contract.js';
import { type ModelCall, RequestFailure, type ServedModels } from './handling.js';
import type { HeldModel } from './held-model.js';
import type { ModelGiven } from './model-source.js';
import { DOES } from './served/served-base.js';
import type { ServingSettings } from './server-options.js';
import type { Shadow } from './shadow.js';

/** Names that an error lists. */
const SHOWN_NAMES = 20;

/** A name, its model and what is counted of it. */
export class ModelEntry {
  readonly gauge: ModelGauge;
  reloading = false;

  constructor(
    public given: ModelGiven,
    public held: HeldModel,
    public shadow: Shadow | null,
    settings: ServingSettings,
  ) {
    const { source } = given;
    const limits = {
      maxConcurrentRequests: source.maxConcurrentRequests ?? settings.maxConcurrentRequests,
      maxQueueTokens: source.maxQueueTokens ?? settings.maxQueueTokens,
      maxQueueMs: source.maxQueueMs ?? settings.maxQueueMs,
    };
    // A reload puts another model, with queues of its own, in the place of this one.
    this.gauge = new ModelGauge(limits, (priority) => this.held.waitMs(priority));
  }

  get name(): string {
    return this.given.name;
  }

  get info(): ServedInfo {
    return this.held.info;
  }
}

export class ModelRegistry implements ServedModels {
  private readonly entries: ReadonlyMap<string, ModelEntry>;

  constructor(entries: readonly ModelEntry[]) {
    this.entries = new Map(entries.map((entry) => [entry.name, entry]));
  }

  all(): ModelEntry[] {
    return [...this.entries.values()];
  }

  list(): readonly ServedInfo[] {
    return this.all().map(({ info }) => info);
  }

  get(name: string): ServedInfo | undefined {
    return this.entries.get(name)?.info;
  }

  find(call: ModelCall): ServedInfo {
    return this.entryOf(call).info;
  }

  /** The entry that a call means. Throws `model-not-found`, `model-required` or `wrong-model`. */
  entryOf({ model: name, tasks }: ModelCall): ModelEntry {
    if (name === undefined) return this.onlyEntry(tasks);
    const entry = this.named(name);
    if (tasks === undefined || tasks.includes(entry.info.task)) return entry;
    const wanted = tasks.map((task) => DOES[task]).join(' or ');
    const does = DOES[entry.info.task];
    const what = `the model ${JSON.stringify(name)} ${does}; this route is for one that ${wanted}`;
    throw new RequestFailure('wrong-model', what, { cause: new WrongTask(what), param: 'model' });
  }

  /** The entry of this name. */
  named(name: string): ModelEntry {
    const entry = this.entries.get(name);
    if (entry !== undefined) return entry;
    const what = `no model is called ${JSON.stringify(name.slice(0, 200))}; there is ${this.names()}`;
    throw new RequestFailure('model-not-found', what, { param: 'model' });
  }

  private onlyEntry(tasks: ModelCall['tasks']): ModelEntry {
    const fitting = this.all().filter(({ info }) => tasks?.includes(info.task) ?? true);
    const [first, second] = fitting;
    if (first !== undefined && second === undefined) return first;
    if (first === undefined) {
      const wanted = (tasks ?? []).map((task) => DOES[task]).join(' or ');
      throw new RequestFailure('wrong-model', `no model here ${wanted}; there is ${this.names()}`);
    }
    const what = `several models fit; name one of ${this.names(fitting)}`;
    throw new RequestFailure('model-required', what, { param: 'model' });
  }

  private names(entries = this.all()): string {
    const shown = entries.slice(0, SHOWN_NAMES).map(({ name }) => JSON.stringify(name));
    return entries.length > SHOWN_NAMES ? `${shown.join(', ')}, ...` : shown.join(', ');
  }
}
