/**
 * The tasks of models: one table for the families' heads, for files and for the command line.
 *
 * A new task needs a row here, a head in the plans of the families, and a folder in lib/tasks.
 */

export interface TaskRow {
  /** Suffix of the class of transformers for such a model. */
  readonly classSuffix: string;
  /** Whether the head has named classes. */
  readonly labelled: boolean;
  /** Whether other models are trained from such a model, so that dropping its head loses nothing. */
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
 * The task of a graph. Outputs: `embedding` [sequences, width] for embedding (with `hidden`, and `pooled` if the model has a
 * pooler). Every other task has `logits`: classification [sequences, labels], token-classification [tokens, labels],
 * question-answering [tokens, 2] (start and end of the answer), masked-lm [selected tokens, vocabulary].
 */
export type Task = keyof typeof TASKS;

/** A task for which the encoder needs a head. */
export type HeadTask = Exclude<Task, 'embedding'>;

export const TASK_NAMES = Object.keys(TASKS) as readonly Task[];

export const HEAD_TASKS = TASK_NAMES.filter((task): task is HeadTask => task !== 'embedding');

/** The row of a task; undefined if there is no task of this name. */
export function taskRow(name: string): TaskRow | undefined {
  return Object.hasOwn(TASKS, name) ? TASKS[name as Task] : undefined;
}
