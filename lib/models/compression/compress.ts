/**
 * Compresses a model: finds the smallest or fastest form that keeps its quality, and judges it on rows that were used for no choice.
 *
 * The rule: every stage is a function of the stages before it, the seed and the latency table, and is kept in the journal. The
 * original stays as it is.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type GateVerdict, judge } from '../../compress/gate.js';
import type { LayerChoice } from '../../compress/layer-choice.js';
import type { Outcome } from '../../compress/outcome.js';
import type { JsonObject } from '../../core/json.js';
import type { ProductRank } from '../../report/compression-types.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { release, type Workshop } from './candidates.js';
import { Clock } from './clock.js';
import { copyOf } from './copy.js';
import { costsOf } from './costs.js';
import { chosenLayers, depthSource } from './depths.js';
import { Journal } from './journal.js';
import { productRanks, type StageRunner, searchLowRank } from './low-rank.js';
import type { CompressSettings } from './options.js';
import { type PrecisionChoice, quantized, type ScoresBefore } from './precision.js';
import type { CompressStage } from './progress.js';
import { visitSameShape } from './same-shape.js';
import { bisectBudgets, LADDER, type Visit, visitBudget } from './search.js';
import { type MeasuredSpeed, measureSpeeds } from './speeds.js';
import { visitStudent } from './student.js';
import type { Subject } from './subject.js';
import { type VocabularyStage, withKeptTokens } from './vocabulary.js';

const WHERE = 'compress';

/** What was found. `parts` are the caller's to free. */
export interface Compressed {
  readonly parts: ModelParts;
  readonly visits: readonly Visit[];
  readonly chosen: Visit | null;
  readonly depths: readonly LayerChoice[];
  readonly vocabulary: VocabularyStage | null;
  readonly precision: PrecisionChoice | null;
  readonly latency: JsonObject | null;
  /** What became of every product; null where low rank was no form of its own. */
  readonly ranks: readonly ProductRank[] | null;
  readonly speeds: readonly MeasuredSpeed[];
  readonly original: { readonly choice: number };
  /** On the rows for the verdict. */
  readonly outcomes: { readonly before: Outcome; readonly after: Outcome };
  readonly verdict: GateVerdict;
  /** Whether the search ended because its time was over. */
  readonly isCutShort: boolean;
  readonly stages: Clock['stages'];
}

/** `digest`: of the model and the rows, by which the journal of another run is told from this one. */
export async function compressParts(
  subject: Subject,
  source: ModelParts,
  settings: CompressSettings,
  digest: JsonObject,
): Promise<Compressed> {
  const temporary =
    settings.workFolder === null ? await mkdtemp(join(tmpdir(), 'sinter-compress-')) : null;
  try {
    const journal = await Journal.open(settings.workFolder ?? temporary ?? '', digest);
    return await new Compression(subject, source, settings, journal).run();
  } finally {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  }
}

/** What the search ends with, before it is quantized. */
interface Searched {
  readonly parts: ModelParts;
  readonly score: number;
  readonly visits: readonly Visit[];
  readonly chosen: Visit | null;
  readonly depths: readonly LayerChoice[];
  readonly latency: JsonObject | null;
  readonly ranks: readonly ProductRank[] | null;
}

class Compression {
  private readonly clock: Clock;

  constructor(
    private readonly subject: Subject,
    private readonly source: ModelParts,
    private readonly settings: CompressSettings,
    private readonly journal: Journal,
  ) {
    this.clock = new Clock(settings.budgetMs, settings.onProgress, stagesOf(settings));
  }

  async run(): Promise<Compressed> {
    const { subject, source, clock, settings } = this;
    const { signal } = settings;
    const choice = await clock.run('original', async () =>
      (await subject.measure(source, 'choice', signal)).scoreOf(),
    );
    clock.say(`the original has ${subject.metric} ${choice.toFixed(4)} on the rows for the choice`);
    const { teacher, vocabulary } = await this.vocabulary();
    const workshop = { subject, teacher, journal: this.journal, settings };
    try {
      const { parts, score, ...searched } = await this.search(workshop, choice);
      const final = await this.precision(workshop, parts, { original: choice, form: score });
      const judged = await this.judged(final.parts).catch(async (error: unknown) => {
        await final.parts.program.retire();
        throw error;
      });
      const found = { ...searched, vocabulary };
      const { isCutShort } = clock;
      const { precision } = final;
      return {
        ...{ parts: final.parts, ...found, precision, ...judged, isCutShort },
        original: { choice },
        stages: clock.stages,
      };
    } finally {
      await release(teacher, source);
    }
  }

  private async vocabulary() {
    const { source, settings, clock } = this;
    if (!settings.methods.has('vocabulary') || clock.mustStop())
      return { teacher: source, vocabulary: null };
    const { parts, report } = await clock.run('vocabulary', () =>
      withKeptTokens(source, this.subject, settings),
    );
    clock.say(`${report.tokensAfter} of ${report.tokensBefore} tokens stay`);
    return { teacher: parts, vocabulary: report };
  }

  private async search(workshop: Workshop, original: number): Promise<Searched> {
    const { clock, settings } = this;
    const { teacher } = workshop;
    const { methods } = settings;
    const asItIs: Searched = {
      ...{ parts: teacher, score: original, visits: [], chosen: null },
      ...{ depths: [], latency: null, ranks: null },
    };
    const hooks = {
      mustStop: () => clock.mustStop(),
      say: (message: string) => clock.say(message),
    };
    const { student, lowRank } = settings;
    const passes = async (found: Visit) => original - found.best.score <= settings.maxDrop;
    if (student !== null && !clock.mustStop()) {
      const chosen = await clock.run('recovery', () => visitStudent(workshop, student, hooks));
      return this.ended(workshop, chosen, { ...asItIs, visits: [chosen] });
    }
    if (lowRank !== null && !clock.mustStop()) {
      const run: StageRunner = (stage, work) => clock.run(stage, work);
      const found = await searchLowRank(workshop, lowRank, passes, { ...hooks, run });
      const best = found.chosen ?? closest(found.visits, original);
      const about = { visits: found.visits, latency: found.costs.latency };
      return this.ended(workshop, best, {
        ...{ ...asItIs, ...about, ranks: productRanks(found, best) },
      });
    }
    if (!methods.has('depth') && !methods.has('width')) {
      if (!methods.has('distil') || clock.mustStop()) return asItIs;
      const chosen = await clock.run('recovery', () => visitSameShape(workshop, original));
      return this.ended(workshop, chosen, { ...asItIs, visits: [chosen] });
    }
    if (clock.mustStop()) return asItIs;
    const costs = await clock.run('latency', () => costsOf(workshop));
    if (clock.mustStop()) return { ...asItIs, latency: costs.latency };
    const depths = await clock.run('depth', () => chosenLayers(workshop));
    const source = depthSource(workshop, depths, costs);
    const visit = (budget: number) =>
      clock.run('recovery', () => visitBudget(workshop, source, budget, hooks));
    const { visits, chosen } =
      costs.budget === null
        ? await bisectBudgets(
            LADDER.map((gain) => costs.full / gain),
            visit,
            passes,
            hooks.mustStop,
          )
        : await single(await visit(costs.budget), passes);
    const best = chosen ?? closest(visits, original);
    return this.ended(workshop, best, { ...asItIs, visits, depths, latency: costs.latency });
  }

  /** What a search found, with the best form in place of the original where there is one. */
  private async ended(workshop: Workshop, best: Visit | null, found: Searched): Promise<Searched> {
    if (best === null) return found;
    return { ...found, ...(await this.partsOf(best, workshop)), chosen: best };
  }

  /** The best candidate of a visit. */
  private async partsOf({ best }: Visit, { subject, journal }: Workshop) {
    const { path, base } = this.source;
    const parts = await subject.load(journal.pathOf(best.stage));
    return { parts: { ...parts, path, base }, score: best.score };
  }

  private async precision(workshop: Workshop, parts: ModelParts, scores: ScoresBefore) {
    const { settings, clock } = this;
    if (!settings.methods.has('quantize')) {
      // The caller owns the result, so it is a program of its own.
      const own = parts === workshop.teacher ? await copyOf(parts, settings.signal) : parts;
      return { parts: own, precision: null };
    }
    const made = await clock.run('precision', () =>
      quantized(workshop, parts, scores, clock.isOver).finally(() =>
        release(parts, workshop.teacher),
      ),
    );
    if (made.choice.isUnsearched) clock.mustStop();
    return { parts: made.parts, precision: made.choice };
  }

  /** The verdict on the rows that were used for nothing else, and the speeds. */
  private async judged(parts: ModelParts) {
    const { subject, source, settings, clock } = this;
    const { signal, maxDrop, strict, seed } = settings;
    return clock.run('verdict', async () => {
      const before = await subject.measure(source, 'test', signal);
      const test = await subject.measure(parts, 'test', signal);
      const verdict = await judge({
        ...{ original: before, candidate: test, maxDrop, strict, seed },
        ...(signal && { signal }),
      });
      const { output } = subject;
      const contestants = [
        { name: 'original, f32', parts: source, output },
        { name: 'compressed', parts, output },
      ];
      const speeds = await measureSpeeds(WHERE, contestants, subject.inputs, signal);
      return { outcomes: { before, after: test }, verdict, speeds };
    });
  }
}

/** One visit in the form of a bisection. */
async function single(found: Visit | null, passes: (found: Visit) => Promise<boolean>) {
  if (found === null) return { visits: [], chosen: null };
  return { visits: [found], chosen: (await passes(found)) ? found : null };
}

/** The visit whose best candidate lost least; null for none. */
function closest(visits: readonly Visit[], original: number): Visit | null {
  const lost = ({ best }: Visit) => original - best.score;
  return visits.toSorted((a, b) => lost(a) - lost(b))[0] ?? null;
}

/** The stages that a compression will have. */
function stagesOf({ methods, lowRank }: CompressSettings): readonly CompressStage[] {
  const searches = methods.has('depth') || methods.has('width');
  const forms = searches || methods.has('student') || lowRank !== null;
  return [
    'original',
    ...(methods.has('vocabulary') ? (['vocabulary'] as const) : []),
    ...(searches || lowRank !== null ? (['latency'] as const) : []),
    ...(searches ? (['depth'] as const) : []),
    ...(forms || methods.has('distil') ? (['recovery'] as const) : []),
    ...(methods.has('quantize') ? (['precision'] as const) : []),
    'verdict',
  ];
}
