/**
 * `compress` of every model: reads the options, divides the rows, runs the search, and makes a model and a report of what it found.
 *
 * The rule: the model that is given stays as it is, and what is returned is a model of the same class.
 */

import { createHash } from 'node:crypto';
import type { JsonObject } from '../../core/json.js';
import { packageVersion } from '../../core/package-files.js';
import type { ModelParts } from '../../runtime/model-parts.js';
import { digestOfModel } from '../../train/digests.js';
import { type AdaptedModel, modelOver } from '../adapted-model.js';
import { insideOf } from '../text-model.js';
import { compressParts } from './compress.js';
import { type CompressOptions, type CompressSettings, readCompressOptions } from './options.js';
import { recordOf } from './record.js';
import { CompressionReport } from './report.js';
import { checkRows, type RowCheck } from './rows.js';
import { keyOf, type SplitParts, splitForCompression } from './split.js';
import { checkStudent } from './student.js';
import type { Subject, SubjectLoader, SubjectRows } from './subject.js';
import { withTarget } from './target.js';
import { widened } from './widen.js';

const WHERE = 'compress';

/** A smaller model, and the evidence for it. */
export interface CompressResult<M> {
  /** The smaller model; the caller disposes of it. */
  readonly model: M;
  readonly report: CompressionReport;
}

/** How a kind of model is compressed on its rows. */
export type SubjectMaker<M> = (
  model: M,
  rows: SubjectRows<never>,
  load: SubjectLoader<M>,
) => Promise<Subject> | Subject;

/** What a class says of itself. */
export interface ModelKind<M> {
  readonly make: SubjectMaker<M>;
  /** The check of a list of rows. */
  readonly check: (model: M) => RowCheck;
  readonly load: SubjectLoader<M>;
}

export async function compressModel<M extends AdaptedModel>(
  model: M,
  options: CompressOptions<never>,
  { make, load, check }: ModelKind<M>,
): Promise<CompressResult<M>> {
  const settings = readCompressOptions(WHERE, options as CompressOptions);
  checkRows(WHERE, options, () => check(model));
  const { rows, eval: held, choice, unlabelled = [] } = options;
  const { seed, allowOverlap, signal } = settings;
  const split = splitForCompression(WHERE, {
    ...{ rows, eval: held, choice, unlabelled, seed, allowOverlap },
  });
  const given = insideOf(model).parts;
  const source = await widened(WHERE, given, signal);
  try {
    if (settings.student !== null) checkStudent(WHERE, source.graph, settings.student);
    const subject = await make(
      modelOver(model, source),
      split as unknown as SubjectRows<never>,
      load,
    );
    const digest = await subjectDigest(source, split, settings);
    const found = await compressParts(subject, source, settings, digest);
    const notes = source === given ? split.notes : [WIDENED, ...split.notes];
    const about = { given, source, split: { ...split, notes }, settings, subject };
    const judged = { ...found, verdict: withTarget(found, settings.target) };
    const parts = { ...found.parts, compression: recordOf(judged, about) };
    const report = await CompressionReport.of({ ...judged, parts }, about);
    return { model: modelOver(model, parts), report };
  } finally {
    if (source !== given) await source.program.retire();
  }
}

const WIDENED =
  'The original was quantized. Its codes were made f32 numbers first; "original" stands for that form.';

function digestOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}

/** What a run depends on, by which its journal is told from that of another one. */
async function subjectDigest(
  parts: ModelParts,
  { train, choice, test, unlabelled }: SplitParts,
  settings: CompressSettings,
): Promise<JsonObject> {
  const { signal, methods, student, lowRank, target, maxDrop } = settings;
  const { epochs, learningRate, batchSize, seed } = settings;
  const latency = settings.latency === null ? null : digestOf(settings.latency);
  const model = await parts.program.use(WHERE, ({ store }) =>
    digestOfModel(parts.graph, store, signal),
  );
  const hash = createHash('sha256');
  for (const rows of [train, choice, test, unlabelled]) {
    hash.update(`${rows.length}\n`);
    for (const row of rows) hash.update(`${keyOf(row)}\n${JSON.stringify(row)}\n`);
  }
  const wanted = {
    methods: [...methods],
    student: { ...student },
    lowRank: { ...lowRank },
    target: { ...target },
    maxDrop,
  };
  const training = { epochs, learningRate, batchSize, seed, latency };
  return { sinter: packageVersion(), model, ...wanted, ...training, rows: hash.digest('hex') };
}
