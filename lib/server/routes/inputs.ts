/**
 * The inputs of a request, and calls of a model with them.
 *
 * The rule: messages of models name `inputs[i]`; what leaves here names the field as the request spells it.
 */
import type {
  Answered,
  CallContext,
  LengthOptions,
  ModelInput,
  ServedInfo,
  ServedModel,
  ServedTask,
} from '../contract.js';
import { type Handled, RequestFailure } from '../handling.js';
import type { Call } from './route.js';

export interface Inputs<T extends ModelInput = ModelInput> {
  /** What the request calls them: `input`, `inputs`, `texts`. */
  readonly field: string;
  readonly method: 'single' | 'batch';
  readonly list: readonly T[];
}

/** A field with a text, the ids of one text, or a list of either. */
export function inputsOf(
  field: string,
  given: string | readonly string[] | readonly number[] | readonly (readonly number[])[],
): Inputs<string | readonly number[]> {
  const isOne = typeof given === 'string' || typeof given[0] === 'number';
  const list = (isOne ? [given] : given) as readonly (string | readonly number[])[];
  return { field, method: isOne ? 'single' : 'batch', list };
}

/** A field with one value or a list of them. */
export function oneOrMany<T extends ModelInput>(
  field: string,
  given: T | readonly T[],
  isOne: boolean,
): Inputs<T> {
  return {
    field,
    method: isOne ? 'single' : 'batch',
    list: isOne ? [given as T] : (given as readonly T[]),
  };
}

/** `inputs[3]`, or `inputs` where the request has one. */
const placeOf = ({ field, method }: Inputs, index: number): string =>
  method === 'single' ? field : `${field}[${index}]`;

/** Throws RequestFailure `empty` if there are no inputs or one of them is empty, as OpenAI and TEI do. */
export function refuseEmpty(inputs: Inputs): void {
  const { field, list } = inputs;
  if (list.length === 0) {
    throw new RequestFailure('empty', `${field} must not be empty`, { param: field });
  }
  const index = list.findIndex((input) => input.length === 0);
  if (index < 0) return;
  const param = placeOf(inputs, index);
  throw new RequestFailure('empty', `${param} must not be empty`, { param });
}

/** What of a call is not its inputs. */
export interface Target {
  readonly model: string | undefined;
  readonly tasks: readonly ServedTask[];
}

/** Runs `work` with the model that the request means, as `Serving.handle`. */
export function runInputs<R>(
  { serving, request, reply }: Call,
  { model, tasks }: Target,
  inputs: Inputs,
  work: (model: ServedModel, context: CallContext) => Promise<Answered<R>>,
): Promise<Handled<R>> {
  const call = { model, tasks, method: inputs.method, inputs: inputs.list };
  return serving.handle(request, reply, call, (served, context) =>
    withPlaces(inputs, () => work(served, context)),
  );
}

/** `inputs[3] must ...`, or `text must ...` of a call with one text. */
const MISTAKE = /\b(?:(?:inputs|texts|questions|ids)\[(\d+)\]|text(?= must ))/;
/** What came instead, where it is a text. */
const GOT_TEXT = /, got "(?:[^"\\]|\\.)*"$/;

/** Runs `work`; mistakes of it that name `inputs[i]` name the request's field instead, and no text. */
export async function withPlaces<T>(inputs: Inputs, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    const found = MISTAKE.exec(error.message);
    if (found === null) throw error;
    const [name, index] = found;
    const param = index === undefined ? inputs.field : placeOf(inputs, Number(index));
    const rest = error.message.slice(found.index + name.length).replace(GOT_TEXT, '');
    throw new RequestFailure('validation', param + rest, { param, cause: error });
  }
}

/** Throws RequestFailure unless the model has that many dimensions and a prompt of that name. */
export function checkEmbedFields(
  info: ServedInfo,
  fields: { readonly dimensions?: number | undefined; readonly prompt?: string | undefined },
  promptField: string,
): void {
  const { dimensions, prompt } = fields;
  if (dimensions !== undefined && info.dimensions !== null && dimensions > info.dimensions) {
    const message = `dimensions must be a whole number from 1 to ${info.dimensions}, got ${dimensions}`;
    throw new RequestFailure('validation', message, { param: 'dimensions' });
  }
  if (prompt === undefined || Object.hasOwn(info.prompts, prompt)) return;
  const names = Object.keys(info.prompts).map((name) => JSON.stringify(name));
  const what =
    names.length === 0
      ? 'be left out, as the model has no prompts'
      : `be one of ${names.join(', ')}`;
  throw new RequestFailure('validation', `${promptField} must ${what}`, { param: promptField });
}

/** TEI's and OpenAI's fields about lengths as a model has them. */
export function lengthsOf(
  call: Call,
  fields: {
    readonly truncate?: boolean;
    readonly truncation_direction?: string;
    readonly truncationDirection?: string;
  },
): LengthOptions {
  const direction = fields.truncation_direction ?? fields.truncationDirection ?? 'right';
  return {
    truncate: fields.truncate ?? call.serving.limits.autoTruncate,
    truncationDirection: direction.toLowerCase() === 'left' ? 'left' : 'right',
  };
}
