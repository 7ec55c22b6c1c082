/**
 * What the processes of `sinter serve --processes` say to each other.
 *
 * The rule: the primary asks by an id and a process answers with it; a process that says nothing in time counts as one without an
 * answer.
 */

/** From the primary to a process. */
export type ToProcess =
  | { readonly do: 'drain' }
  /** To read the keys again; `reload`: the keys and the models. */
  | { readonly do: 'reload-keys'; readonly id: number }
  | { readonly do: 'reload'; readonly id: number }
  | { readonly do: 'metrics'; readonly id: number }
  /** The metrics of all, for a process that asked. */
  | { readonly do: 'take-metrics'; readonly id: number; readonly text: string };

/** From a process to the primary. */
export type ToPrimary =
  | { readonly say: 'ready'; readonly address: string; readonly models: readonly object[] }
  /** `isGood`: all that was asked for was read again. */
  | { readonly say: 'reloaded'; readonly id: number; readonly isGood: boolean }
  | { readonly say: 'metrics'; readonly id: number; readonly text: string }
  | { readonly say: 'gather-metrics'; readonly id: number };

/** The number of a process, in the environment that the primary gives it. */
export const PROCESS = 'SINTER_SERVE_PROCESS';
