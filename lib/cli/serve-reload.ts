/**
 * What `sinter serve` does at SIGHUP: reads its files again, takes the keys, and loads the models again, from where they are now.
 *
 * The rule: a file with a mistake changes nothing; what cannot change while a server runs is named, never ignored.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ApiKeyOptions } from '../server/keys.js';
import { FIXED_OPTIONS, fixedDifferences, type ModelSource } from '../server/model-source.js';
import type { ServerOptions } from '../server/server-options.js';
import type { SinterServer } from '../server/sinter-server.js';
import type { Console } from './context.js';

/** What flags, files and the environment say. */
export interface ServeSettings {
  readonly models: Readonly<Record<string, ModelSource>>;
  readonly stated: ServerOptions;
}

const LATER = 'takes effect when the server starts again';

export class ServeReload {
  /** What runs now: it is what the files are compared with. */
  private readonly sources: Map<string, ModelSource>;
  private keys: readonly ApiKeyOptions[];
  /** The end of the run before: two of them do not mix. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly server: SinterServer,
    private readonly settings: ServeSettings,
    private readonly read: () => Promise<ServeSettings>,
    private readonly out: Console,
    /** Whether it names what takes effect later: of several processes, one does. */
    private readonly namesLater: boolean,
  ) {
    this.sources = new Map(Object.entries(settings.models));
    this.keys = settings.stated.apiKeys ?? [];
  }

  /** Reads all again; false where something stays as it was, though its file says otherwise or could not be read. */
  run(): Promise<boolean> {
    return this.afterLast(async (next) => {
      if (this.namesLater) this.warnOfLater(next);
      let isGood = this.takeKeys(next);
      for (const { name } of this.server.models.list()) {
        isGood = (await this.reload(name, next.models[name])) && isGood;
      }
      return isGood;
    });
  }

  /** Takes the keys alone; a file that can't be read is told by `run`. */
  runKeys(): Promise<boolean> {
    return this.afterLast((next) => this.takeKeys(next), true);
  }

  private afterLast(
    work: (next: ServeSettings) => boolean | Promise<boolean>,
    isSilent = false,
  ): Promise<boolean> {
    const run = async () => {
      const next = await this.read().catch((error: unknown) => {
        const what = `not read again, so everything stays as it was: ${textOf(error)}`;
        if (!isSilent) this.out.warn(what);
        return null;
      });
      return next !== null && work(next);
    };
    const result = this.last.then(run);
    this.last = result;
    return result;
  }

  private warnOfLater(next: ServeSettings): void {
    const [before, now] = [this.settings.stated, next.stated];
    const names = new Set([...Object.keys(before), ...Object.keys(now)]) as Set<
      keyof ServerOptions
    >;
    names.delete('apiKeys');
    for (const name of names) {
      if (!isDeepStrictEqual(before[name], now[name])) this.out.warn(`${name}: a change ${LATER}`);
    }
    for (const [name, source] of Object.entries(next.models)) {
      const running = this.sources.get(name);
      if (running === undefined) this.out.warn(`${name}: a new model ${LATER}`);
      else {
        for (const option of fixedDifferences(running, source)) {
          this.out.warn(`models.${name}.${option}: a change ${LATER}`);
        }
      }
    }
    for (const name of this.sources.keys()) {
      if (next.models[name] === undefined) this.out.warn(`${name}: that it is left out ${LATER}`);
    }
  }

  private takeKeys(next: ServeSettings): boolean {
    const { apiKeys: now = [] } = next.stated;
    if (isDeepStrictEqual(this.keys, now)) return true;
    try {
      this.server.setApiKeys(now);
      this.keys = now;
      this.out.note(`keys: ${now.map(({ name }) => name).join(', ')}`);
      return true;
    } catch (error) {
      this.out.warn(`the old keys stay: ${textOf(error)}`);
      return false;
    }
  }

  /** Loads one model again, from where the files say that it is now. */
  private async reload(name: string, stated: ModelSource | undefined): Promise<boolean> {
    const before = this.sources.get(name) ?? {};
    const source = { ...(stated ?? before) };
    for (const option of FIXED_OPTIONS) {
      if (before[option] === undefined) delete source[option];
      else Object.assign(source, { [option]: before[option] });
    }
    try {
      const { from, to, agreement, minCosine } = await this.server.reload(name, source);
      this.sources.set(name, source);
      const cosine = minCosine === null ? '' : `, least cosine ${minCosine.toFixed(4)}`;
      const versions = from === to ? `version ${to} again` : `version ${to} in place of ${from}`;
      this.out.note(`${name}: ${versions}, agreement ${agreement.toFixed(4)}${cosine}`);
      return true;
    } catch (error) {
      this.out.warn(`${name}: not loaded again: ${textOf(error)}`);
      return false;
    }
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
