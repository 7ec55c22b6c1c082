/**
 * What a served result says for drift: the label and its probability, the number, or the vector.
 *
 * The rule: a baseline and a server read a result the same way, through `observationOf`.
 */
import type { MonitoredInput, MonitoredModel } from '../records.js';
import type { Observation } from './baseline.js';

/** Of a model with several labels: no label reached one half. */
const NO_LABEL = '(none)';

/** What a result says. Results of other tasks than vectors and classes say nothing beyond their text. */
export function observationOf(
  { task, labels, problem }: Pick<MonitoredModel, 'task' | 'labels' | 'problem'>,
  input: MonitoredInput,
  result: unknown,
): Observation {
  if (task === 'embed')
    return result instanceof Float32Array ? { input, vector: result } : { input };
  const { scores } = (result ?? {}) as { readonly scores?: unknown };
  if (task !== 'classify' || !(scores instanceof Float32Array)) return { input };
  if (problem === 'regression') return { input, value: scores[0] ?? Number.NaN };
  let best = 0;
  for (let i = 1; i < scores.length; i++) if ((scores[i] ?? 0) > (scores[best] ?? 0)) best = i;
  const confidence = scores[best] ?? Number.NaN;
  const isNone = problem === 'multi_label_classification' && confidence < 0.5;
  return { input, class: isNone ? NO_LABEL : (labels[best] ?? NO_LABEL), confidence };
}
