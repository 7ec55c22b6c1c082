/**
 * The journal of a compression: what each finished stage found, and the models that it made, in a work folder.
 *
 * The rule: a stage is a pure function of the stages before it. So a run that was killed goes on from its last finished stage and
 * ends with the same model, to the bit.
 */

import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SinterError, show } from '../../core/errors.js';
import { isJsonObject, type JsonObject, type JsonValue, jsonObjectOf } from '../../core/json.js';
import { aboutFile, saveFile } from '../../files/index.js';

const FILE = 'journal.json';
const VERSION = 1;

export class Journal {
  private constructor(
    private readonly folder: string,
    private readonly subject: JsonObject,
    private readonly stages: Map<string, JsonValue>,
  ) {}

  /**
   * Opens the journal in `folder`, which is made if it is missing. `subject`: what the run depends on (model, rows, settings). Throws
   * INVALID_DATA for the journal of another run, and CORRUPT_MODEL for a file that is no journal.
   */
  static async open(folder: string, subject: JsonObject): Promise<Journal> {
    await aboutFile(folder, () => mkdir(folder, { recursive: true }));
    const path = join(folder, FILE);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    if (text === null) return new Journal(folder, subject, new Map());
    const found = parsed(path, text);
    checkSubject(path, found.subject, subject);
    return new Journal(folder, subject, new Map(Object.entries(found.stages)));
  }

  /** The finding of a stage: the one in the journal, or that of `work`, which is then written to it. */
  async stage<T extends JsonValue>(name: string, work: () => Promise<T>): Promise<T> {
    const known = this.stages.get(name);
    if (known !== undefined) return known as T;
    const found = await work();
    this.stages.set(name, found);
    await this.write();
    return found;
  }

  /**
   * A stage that makes a model. `save` writes it to a folder, `load` reads it from there. `make` also gives what the stage found.
   */
  async model<M, T extends JsonValue>(
    name: string,
    { make, save, load }: ModelStage<M, T>,
  ): Promise<{ readonly model: M; readonly found: T }> {
    const path = this.pathOf(name);
    const known = this.stages.get(name);
    if (known !== undefined && (await isFolder(path)))
      return { model: await load(path), found: known as T };
    const checkpoints = `${path}.training`;
    const made = await make(checkpoints);
    // What a killed run left may be there without its line in the journal.
    await rm(path, { recursive: true, force: true });
    await save(made.model, path);
    this.stages.set(name, made.found);
    await this.write();
    await rm(checkpoints, { recursive: true, force: true });
    return made;
  }

  /** The folder of a stage's model. */
  pathOf(name: string): string {
    return join(this.folder, name);
  }

  private async write(): Promise<void> {
    const { subject, stages } = this;
    const content = { version: VERSION, subject, stages: Object.fromEntries(stages) };
    await saveFile(join(this.folder, FILE), `${JSON.stringify(content, null, 1)}\n`);
  }
}

/** How a model is made, written and read. `make` gets a folder for the checkpoints of its training. */
export interface ModelStage<M, T> {
  make(checkpoints: string): Promise<{ readonly model: M; readonly found: T }>;
  save(model: M, folder: string): Promise<void>;
  load(folder: string): Promise<M>;
}

function parsed(path: string, text: string): { subject: JsonObject; stages: JsonObject } {
  const wrong = new SinterError('CORRUPT_MODEL', `${path}: is not the journal of a compression`, {
    details: { file: path },
  });
  const content = jsonObjectOf(text);
  if (content === undefined) throw wrong;
  const { version, subject, stages } = content;
  if (!isJsonObject(subject) || !isJsonObject(stages)) throw wrong;
  if (version === VERSION) return { subject, stages };
  const what = `was written by another version of Sinter: its form is ${show(version)}, not ${VERSION}`;
  throw new SinterError('INVALID_DATA', `${path}: ${what}`, { details: { file: path } });
}

function checkSubject(path: string, found: JsonObject, wanted: JsonObject): void {
  const names = [...new Set([...Object.keys(wanted), ...Object.keys(found)])];
  const other = names.find(
    (name) => JSON.stringify(found[name] ?? null) !== JSON.stringify(wanted[name] ?? null),
  );
  if (other === undefined) return;
  const what = `is of another compression: its ${other} is ${show(found[other])}, not ${show(wanted[other])}`;
  throw new SinterError(
    'INVALID_DATA',
    `${path}: ${what}; remove the folder, or name another one`,
    { details: { file: path } },
  );
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() ?? false;
}
