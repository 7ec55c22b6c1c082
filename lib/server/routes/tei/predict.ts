/**
 * `POST /predict` and `/rerank` in the form of TEI.
 *
 * The rule: scores are those of the model's problem. TEI takes a softmax for every model with several labels; here a multi-label
 * model gives sigmoids and a regression its numbers.
 */
import { type PredictBody, predictBody, type RerankBody, rerankBody } from '../../schemas/tei.js';
import { type Inputs, lengthsOf, refuseEmpty, runInputs } from '../inputs.js';
import { rankTexts } from '../rank.js';
import type { Operation } from '../route.js';
import { sortedScores } from '../scores.js';

type TextOrPair = string | readonly [string, string];

/** `"a"`, the pair `["a", "b"]`, or the batch `[["a"], ["a", "b"]]`. */
function inputsOfPredict(given: PredictBody['inputs']): Inputs<TextOrPair> {
  if (typeof given === 'string') return { field: 'inputs', method: 'single', list: [given] };
  if (typeof given[0] === 'string') {
    return { field: 'inputs', method: 'single', list: [given as readonly [string, string]] };
  }
  const batch = given as readonly (readonly string[])[];
  const list = batch.map(([a = '', b]) => (b === undefined ? a : ([a, b] as const)));
  return { field: 'inputs', method: 'batch', list };
}

export const predict: Operation<PredictBody> = {
  body: predictBody,
  async run(call, body) {
    const inputs = inputsOfPredict(body.inputs);
    refuseEmpty(inputs);
    const target = { model: call.model, tasks: ['classify'] as const };
    const { results, model } = await runInputs(call, target, inputs, (served, context) =>
      served.classify(inputs.list, lengthsOf(call, body), context),
    );
    const answers = results.map(({ logits, scores }) =>
      sortedScores(model.labels, body.raw_scores === true ? logits : scores).map(
        ({ label, score }) => ({ score, label }),
      ),
    );
    return inputs.method === 'single' ? answers[0] : answers;
  },
};

export const rerank: Operation<RerankBody> = {
  body: rerankBody,
  async run(call, body) {
    const { query, texts: list, raw_scores: isRaw = false, return_text: isWithText = false } = body;
    const request = { ...lengthsOf(call, body), isRaw };
    const { ranked } = await rankTexts(call, call.model, { query, list, field: 'texts' }, request);
    return ranked.map(({ index, score, text }) => ({ index, score, ...(isWithText && { text }) }));
  },
};
