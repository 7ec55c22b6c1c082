/**
 * What the rows of a bulk job depend on, for --resume: the model by its content, and every option that is not known to change nothing.
 *
 * The rule: an option counts unless it is listed here, so that a new one is never forgotten.
 */
import { fingerprintFolder } from '../bulk/fingerprint.js';
import type { JsonObject, JsonValue } from '../core/json.js';
import { packageVersion } from '../core/package-files.js';
import { modelVersion } from '../models/model-version.js';
import type { TextModel } from '../models/text-model.js';

/** Options that change no row: those of the machine and of the screen, and names of what counts by its content. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'adapter',
  'input',
  'json',
  'model',
  'out',
  'quiet',
  'resume',
  'threads',
]);

export interface SubjectOptions {
  readonly command: string;
  readonly model: TextModel;
  readonly adapter: string | undefined;
  /** All options of the command, and what was chosen in place of those that were not given. */
  readonly options: object;
  readonly signal: AbortSignal;
}

export async function subjectOf({
  command,
  model,
  adapter,
  options,
  signal,
}: SubjectOptions): Promise<JsonObject> {
  const counted = Object.entries(options).filter(
    ([name, value]) => !WITHOUT_EFFECT.has(name) && value !== undefined,
  );
  const flags = counted.map(([name, value]) => [flagOf(name), value as JsonValue] as const);
  return {
    command,
    sinter: packageVersion(),
    ...Object.fromEntries(flags.sort(([a], [b]) => (a < b ? -1 : 1))),
    ...(adapter !== undefined && { adapter: await fingerprintFolder(adapter, signal) }),
    // Last, because some options change the version too, and are the better name for what differs.
    model: await modelVersion(model, signal),
  };
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
