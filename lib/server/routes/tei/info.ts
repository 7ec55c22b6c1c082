/**
 * `GET /info` in the form of TEI.
 *
 * The rule: tasks that TEI does not have (tags, answers, masks) get a `model_type` of their own, named in the same style.
 */
import type { ServedInfo } from '../../contract.js';
import type { Serving } from '../../handling.js';

function labelMaps(labels: readonly string[]) {
  return {
    id2label: Object.fromEntries(labels.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
  };
}

function modelType({ task, labels, pooling }: ServedInfo) {
  switch (task) {
    case 'embed':
      return { embedding: { pooling: pooling ?? 'mean' } };
    case 'classify':
      return { classifier: labelMaps(labels) };
    case 'rerank':
      return { reranker: labelMaps(labels) };
    case 'tag':
      return { token_classifier: labelMaps(labels) };
    case 'answer':
      return { question_answerer: {} };
    case 'fill-mask':
      return { masked_lm: {} };
  }
}

export function infoAnswer(serving: Serving, info: ServedInfo) {
  const { limits } = serving;
  return {
    model_id: info.source,
    model_sha: info.version,
    model_dtype: info.dtype,
    served_model_name: info.name,
    model_type: modelType(info),
    max_concurrent_requests: limits.maxConcurrentRequests,
    max_input_length: info.maxTokens,
    max_batch_tokens: limits.maxBatchTokens,
    max_batch_requests: null,
    max_client_batch_size: limits.maxClientBatchSize,
    auto_truncate: limits.autoTruncate,
    tokenization_workers: 1,
    version: serving.version,
  };
}
