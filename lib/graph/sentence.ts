/**
 * The end of an embedding graph: concatenated poolings, then dense layers and norms, as sentence-transformers composes them.
 *
 * The request takes precedence over the files; nothing is guessed.
 */

import type { GraphBuilder } from './builder.js';
import type { GraphRequest, SentenceModule, SentenceSettings } from './checkpoint.js';
import type { PoolKind } from './types.js';

/** Epsilon of torch.nn.LayerNorm, which sentence-transformers' LayerNorm module does not change. */
const MODULE_EPSILON = 1e-5;

/** Settings of a model without sentence-transformers files. */
export const PLAIN_SENTENCE: SentenceSettings = {
  kind: 'embedding',
  pooling: null,
  modules: [],
  maxTokens: null,
  lowercase: false,
  prompts: {},
  defaultPrompt: null,
  includePrompt: true,
  similarityFnName: 'cosine',
  truncateDim: null,
  activation: null,
  ignored: [],
};

export interface SentenceHead {
  readonly pooling: readonly PoolKind[];
  readonly modules: readonly SentenceModule[];
}

/** Poolings and modules of `request`, else of `sentence`; null if neither has a pooling. */
export function sentenceHead(
  sentence: SentenceSettings | null,
  request: Pick<GraphRequest, 'pooling' | 'normalize'>,
): SentenceHead | null {
  const pooling = request.pooling ?? sentence?.pooling ?? null;
  if (pooling === null || pooling.length === 0) return null;
  const stated = sentence?.modules ?? [];
  if (request.normalize === undefined) return { pooling, modules: stated };
  const last = stated.at(-1)?.kind === 'normalize' ? stated.slice(0, -1) : stated;
  return { pooling, modules: request.normalize ? [...last, { kind: 'normalize' }] : last };
}

/** Adds the head over the token value `hidden`; the result is the output `embedding`. */
export function addSentenceHead(builder: GraphBuilder, head: SentenceHead, hidden: string): void {
  const pooled = head.pooling.map((kind) =>
    builder.pool(kind, hidden, head.pooling.length === 1 ? 'sentence' : `sentence.${kind}`),
  );
  const [only] = pooled;
  let value = pooled.length === 1 && only !== undefined ? only : builder.concat(pooled, 'sentence');
  for (const [i, module] of head.modules.entries()) {
    const last = i === head.modules.length - 1;
    value = addModule(builder, module, value, last ? 'sentence' : `sentence.${i}`);
  }
  builder.output('embedding', value);
}

function addModule(b: GraphBuilder, module: SentenceModule, input: string, at: string): string {
  switch (module.kind) {
    case 'normalize':
      return b.normalize(input, `${at}.normalized`);
    case 'layer-norm':
      return b.norm(`${module.name}.norm`, module.width, MODULE_EPSILON, input, null, `${at}.norm`);
    case 'dense': {
      const { name, inputs, outputs, bias, activation } = module;
      return b.linear(
        [{ name: `${name}.linear`, inputs, outputs, bias }],
        activation,
        input,
        `${at}.dense`,
      );
    }
  }
}

/** Whether the last step scales vectors to length 1. */
export function isNormalized({ modules }: Pick<SentenceSettings, 'modules'>): boolean {
  return modules.at(-1)?.kind === 'normalize';
}
