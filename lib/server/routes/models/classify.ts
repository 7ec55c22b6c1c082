/**
 * `POST /models/:name/classify`: labels, several labels or numbers, by the kind of the model.
 *
 * The rule: `scores` are softmax for one label and sigmoid for several, calibrated as the model is; logits are before both.
 */
import type { ClassScores, ServedInfo } from '../../contract.js';
import { RequestFailure } from '../../handling.js';
import { type ClassifyBody, classifyBody } from '../../schemas/models.js';
import { lengthsOf, oneOrMany, runInputs } from '../inputs.js';
import type { Operation } from '../route.js';
import { shortest, sortedScores } from '../scores.js';
import { answerOf } from './answer.js';
import { refuseNone } from './inputs.js';

const EVEN_ODDS = 0.5;

export const classify: Operation<ClassifyBody> = {
  body: classifyBody,
  async run(call, body) {
    const inputs = oneOrMany('inputs', body.inputs, typeof body.inputs === 'string');
    refuseNone(inputs);
    const target = { model: call.model, tasks: ['classify'] as const };
    const thresholds = thresholdsOf(call.serving.models.find(target), body);
    const { results, facts, model } = await runInputs(call, target, inputs, (served, context) =>
      served.classify(inputs.list, lengthsOf(call, body), context),
    );
    const shown = results.map((result) => ({
      ...predictionOf(model, result, thresholds, body.topK),
      truncated: result.truncated,
      ...(body.logits === true && { logits: Array.from(result.logits, shortest) }),
    }));
    return answerOf(model, facts, shown);
  },
};

function predictionOf(
  { labels, problem }: ServedInfo,
  { scores }: ClassScores,
  thresholds: readonly number[],
  topK: number | undefined,
) {
  if (problem === 'regression') {
    const values = Array.from(scores, shortest);
    return { value: values[0], values };
  }
  const sorted = sortedScores(labels, scores);
  const top = sorted.slice(0, topK);
  if (problem !== 'multi_label_classification') return { ...sorted[0], scores: top };
  const reached = labels.filter((_, i) => (scores[i] ?? 0) >= (thresholds[i] ?? EVEN_ODDS));
  const isReached = new Set(reached);
  const inOrder = sorted.filter(({ label }) => isReached.has(label)).map(({ label }) => label);
  return { labels: inOrder, scores: top };
}

/** A threshold for each label. Throws RequestFailure where the model has no use for one, or not the label. */
function thresholdsOf({ labels, problem, thresholds }: ServedInfo, body: ClassifyBody) {
  const own = thresholds ?? labels.map(() => EVEN_ODDS);
  const { threshold, topK } = body;
  if (problem === 'regression' && topK !== undefined) {
    const message = 'topK must be left out, as the model gives numbers without labels to rank';
    throw new RequestFailure('validation', message, { param: 'topK' });
  }
  if (threshold === undefined) return own;
  if (problem !== 'multi_label_classification') {
    const message = 'threshold must be left out, as the model does not choose among several labels';
    throw new RequestFailure('validation', message, { param: 'threshold' });
  }
  if (typeof threshold === 'number') return labels.map(() => threshold);
  const unknown = Object.keys(threshold).find((label) => !labels.includes(label));
  if (unknown !== undefined) {
    const message = `threshold must have labels of the model, got another one; they are ${labels.join(', ')}`;
    throw new RequestFailure('validation', message, { param: 'threshold' });
  }
  return labels.map((label, i) =>
    Object.hasOwn(threshold, label) ? (threshold[label] ?? EVEN_ODDS) : (own[i] ?? EVEN_ODDS),
  );
}
