/** Scores of an encoder as a search engine: queries, documents, and which of them belong together. */

import { rangeMistake, typeMistake } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { type RankedQuery, retrievalScores } from '../metrics/index.js';
import type { RetrievalEvaluation } from '../tasks/embedding/evaluate-embeddings.js';
import { nearestTo } from '../tasks/embedding/search.js';
import type { Encoder } from './encoder.js';

/** Texts by their ids, as BEIR and sentence-transformers have them. */
export interface RetrievalData {
  readonly queries: Readonly<Record<string, string>>;
  readonly corpus: Readonly<Record<string, string>>;
  /** For each query the ids of its documents; with gains above 0 where some are more relevant than others. */
  readonly relevant: Readonly<Record<string, readonly string[] | Readonly<Record<string, number>>>>;
}

/** Options of `evaluateRetrieval`. */
export interface RetrievalOptions {
  /** Documents of which each query is scored. Default: 10. */
  readonly k?: number;
  /** Name of the prompt in front of queries. Default: the model's default prompt. */
  readonly queryPromptName?: string;
  /** Name of the prompt in front of documents. Default: the model's default prompt. */
  readonly corpusPromptName?: string;
  /** Keeps this many leading numbers of each vector, as in `embed`. */
  readonly dimensions?: number;
  /** Ends the call with CANCELLED. */
  readonly signal?: AbortSignal;
}

/**
 * Embeds all texts and scores what each query finds, with `similarityFnName`. A query without relevant documents is left out,
 * as in sentence-transformers. Throws TypeError or RangeError naming the id of a text that cannot be used.
 */
export async function evaluateRetrieval(
  encoder: Encoder,
  data: RetrievalData,
  options: RetrievalOptions = {},
): Promise<RetrievalEvaluation> {
  const where = 'evaluateRetrieval';
  const known = {
    k: true,
    queryPromptName: true,
    corpusPromptName: true,
    dimensions: true,
  } as const;
  const read = readOptions<RetrievalOptions>(where, options, { ...known, signal: true });
  const k = read.count('k', 10);
  const signal = read.signal();
  const documents = textsOf(`${where}: corpus`, data.corpus);
  const ids = new Set(documents.map(([id]) => id));
  const judged = textsOf(`${where}: queries`, data.queries).flatMap(([id, text]) => {
    const relevant = gainsOf(`${where}: relevant`, id, data.relevant?.[id], ids);
    return relevant.size === 0 ? [] : [{ text, relevant }];
  });
  if (judged.length === 0) {
    throw rangeMistake(`${where}: queries`, 'at least one query with a relevant document', 0);
  }
  const { queryPromptName, corpusPromptName, dimensions } = options;
  const run = {
    priority: 'bulk',
    ...(signal && { signal }),
    ...(dimensions !== undefined && { dimensions }),
  } as const;
  const named = (promptName: string | undefined) =>
    promptName === undefined ? {} : { promptName };
  const queries = await encoder.embed(
    judged.map(({ text }) => text),
    { ...run, ...named(queryPromptName) },
  );
  const corpus = await encoder.embed(
    documents.map(([, text]) => text),
    { ...run, ...named(corpusPromptName) },
  );
  const vectors = [...corpus];
  const { similarityFnName } = encoder;
  const found = await nearestTo([...queries], vectors, k, similarityFnName, { where, signal });
  const ranked = found.map(
    (best, i): RankedQuery<string> => ({
      ranked: best.map(({ index }) => documents[index]?.[0] ?? ''),
      relevant: judged[i]?.relevant ?? new Map(),
    }),
  );
  const counts = { queries: judged.length, documents: documents.length };
  return { kind: 'retrieval', ...counts, ...retrievalScores(ranked, k) };
}

function textsOf(at: string, texts: unknown): [string, string][] {
  if (typeof texts !== 'object' || texts === null || Array.isArray(texts)) {
    throw typeMistake(at, 'an object with texts by their ids', texts);
  }
  return Object.entries(texts).map(([id, text]: [string, unknown]) => {
    if (typeof text === 'string') return [id, text];
    throw typeMistake(`${at}[${JSON.stringify(id)}]`, 'a string', text);
  });
}

function gainsOf(
  at: string,
  query: string,
  relevant: unknown,
  ids: ReadonlySet<string>,
): Map<string, number> {
  const place = `${at}[${JSON.stringify(query)}]`;
  if (relevant === undefined) return new Map();
  if (typeof relevant !== 'object' || relevant === null) {
    throw typeMistake(place, 'an array of ids, or an object with gains by id', relevant);
  }
  const gains: [unknown, unknown][] = Array.isArray(relevant)
    ? relevant.map((id) => [id, 1])
    : Object.entries(relevant);
  const found = new Map<string, number>();
  for (const [id, gain] of gains) {
    if (typeof id !== 'string' || !ids.has(id)) throw rangeMistake(place, 'ids of corpus', id);
    if (typeof gain !== 'number' || !(gain >= 0)) {
      throw typeMistake(`${place}[${JSON.stringify(id)}]`, 'a number from 0', gain);
    }
    if (gain > 0) found.set(id, gain);
  }
  return found;
}
