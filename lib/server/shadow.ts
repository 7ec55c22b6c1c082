/**
 * Runs a share of the requests through a candidate model as well, and counts how often both say the same.
 *
 * The rule: it begins when the answer is there, as bulk work, and few run at a time; so it never delays an answer.
 */
import { AgreementCounts, type ShadowCounts } from './agreement-counts.js';
import { compareAll } from './compare-results.js';
import type { Answered, CallContext, ServedInfo, ServedModel } from './contract.js';
import type { HeldModel } from './held-model.js';

/** Shadow calls at a time; a request beyond is not compared. */
const MAX_OPEN = 4;
const TIMEOUT_MS = 60_000;

type Call = (model: ServedModel, context: CallContext) => Promise<Answered<unknown>>;

export class Shadow {
  private readonly counts = new AgreementCounts();
  private readonly open = new Map<AbortController, Promise<void>>();
  private isEnded = false;

  constructor(
    readonly held: HeldModel,
    private readonly share: number,
  ) {}

  get info(): ServedInfo {
    return this.held.info;
  }

  /** What was counted so far. */
  metrics(): ShadowCounts {
    return this.counts.snapshot();
  }

  /** The model with its calls watched: what it answers is compared with what the candidate answers. */
  watch(model: ServedModel): ServedModel {
    const then = async <T>(answer: Promise<Answered<T>>, call: Call): Promise<Answered<T>> => {
      const answered = await answer;
      this.follow(model.info, answered, call);
      return answered;
    };
    return {
      ...model,
      embed: (...[inputs, request, context]) =>
        then(model.embed(inputs, request, context), (other, own) =>
          other.embed(inputs, request, own),
        ),
      classify: (...[inputs, request, context]) =>
        then(model.classify(inputs, request, context), (other, own) =>
          other.classify(inputs, request, own),
        ),
      tag: (...[texts, request, context]) =>
        then(model.tag(texts, request, context), (other, own) => other.tag(texts, request, own)),
      answer: (...[questions, request, context]) =>
        then(model.answer(questions, request, context), (other, own) =>
          other.answer(questions, request, own),
        ),
      rerank: (...[query, texts, request, context]) =>
        then(model.rerank(query, texts, request, context), (other, own) =>
          other.rerank(query, texts, request, own),
        ),
      fillMask: (...[texts, request, context]) =>
        then(model.fillMask(texts, request, context), (other, own) =>
          other.fillMask(texts, request, own),
        ),
    };
  }

  /** Ends the running comparisons and frees the candidate. */
  async retire(): Promise<void> {
    this.isEnded = true;
    for (const controller of this.open.keys()) controller.abort();
    await this.settled();
    await this.held.retire();
  }

  /** Resolves when no comparison runs. */
  async settled(): Promise<void> {
    await Promise.all(this.open.values());
  }

  private follow(info: ServedInfo, answered: Answered<unknown>, call: Call): void {
    if (this.isEnded || Math.random() >= this.share) return;
    if (this.open.size >= MAX_OPEN) {
      this.counts.skip();
      return;
    }
    const controller = new AbortController();
    const run = this.run(info, answered, call, controller);
    this.open.set(
      controller,
      run.finally(() => this.open.delete(controller)),
    );
  }

  private async run(
    info: ServedInfo,
    { results }: Answered<unknown>,
    call: Call,
    controller: AbortController,
  ): Promise<void> {
    const { signal } = controller;
    const timer = setTimeout(() => controller.abort(), TIMEOUT_MS);
    const context: CallContext = { signal, priority: 'bulk', group: 'shadow' };
    try {
      const other = await this.held.use((model) => call(model, context));
      this.counts.add(compareAll(info, results, other.results));
    } catch {
      this.counts.fail();
    } finally {
      clearTimeout(timer);
    }
  }
}
