/**
 * The tasks that a model may be for: one table for the families' heads, for files and for the command line.
 *
 * A new task is a row here, its head in the plans of the families, and its folder in lib/tasks.
 */

export interface TaskRow {
  /** How the class of transformers ends that such a folder is of. */
  readonly classSuffix: string;
  /** Its head has classes with names. */
  readonly labelled: boolean;
  /** Other models are trained from such a one, so that leaving its head out loses nothing. */
  readonly pretraining: boolean;
}

export const TASKS = {
  embedding: {
    classSuffix: 'Model',
    labelled: false,
    pretraining: true,
  },
  classification: {
    classSuffix: 'ForSequenceClassification',
    labelled: true,
    pretraining: false,
  },
  'token-classification': {
    classSuffix: 'ForTokenClassification',
    labelled: true,
    pretraining: false,
  },
  'question-answering': {
    classSuffix: 'ForQuestionAnswering',
    labelled: false,
    pretraining: false,
  },
  'masked-lm': {
    classSuffix: 'ForMaskedLM',
    labelled: false,
    pretraining: true,
  },
} as const satisfies Readonly<Record<string, TaskRow>>;

/**
 * What a graph is for. Outputs: `embedding` [sequences, width] (with `hidden`, and `pooled` where the model has a pooler);
 * every other task has `logits`: [sequences, labels], [tokens, labels], [tokens, 2] (start, end of the answer),
 * [selected tokens, vocabulary].
 */
export type Task = keyof typeof TASKS;

/** A task that a head stands behind the encoder for. */
export type HeadTask = Exclude<Task, 'embedding'>;

export const TASK_NAMES = Object.keys(TASKS) as readonly Task[];

export const HEAD_TASKS = TASK_NAMES.filter((task): task is HeadTask => task !== 'embedding');

/** The row of a task; undefined for a name that is none. */
export function taskRow(name: string): TaskRow | undefined {
  return Object.hasOwn(TASKS, name) ? TASKS[name as Task] : undefined;
}
