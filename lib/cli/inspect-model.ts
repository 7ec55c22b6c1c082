/**
 * Gathers what `sinter inspect` shows of a model: its graph and its figures.
 *
 * The rule: of a folder the small files and the headers of the weights are read, and no weight is loaded.
 */
import { graphFromCheckpoint } from '../architectures/index.js';
import { EMBEDDED_MODEL } from '../checkpoint/embedded-model.js';
import { findOnnxFile } from '../checkpoint/find-onnx.js';
import {
  asQuantized,
  readQuantizedTensors,
  withoutQuantizationConfig,
} from '../checkpoint/quantized-folder.js';
import { untrainedTensors } from '../checkpoint/untrained.js';
import type { JsonObject } from '../core/json.js';
import { formatBytes } from '../core/units.js';
import { readHfFolder } from '../formats/hf-folder.js';
import { DTYPE_BYTES } from '../formats/safetensors-header.js';
import type { Task } from '../graph/checkpoint.js';
import { classifierSettings } from '../graph/classifier-settings.js';
import { countParameters } from '../graph/print.js';
import { equalizersOf } from '../graph/rewrite/equalize.js';
import { activationBitsOf } from '../graph/rewrite/quantize.js';
import { isNormalized } from '../graph/sentence.js';
import type { ActivationBits, EncoderGraph } from '../graph/types.js';
import { resolveModel } from '../hub/resolve.js';
import { folderTask } from '../tasks/folder-task.js';
import { loadTokenizer } from '../tokenize/text-tokenizer.js';
import { given } from './arguments.js';
import { compressionFacts } from './compression-facts.js';
import { type CommonOptions, Console, type Surroundings } from './context.js';
import { inspectOnnx } from './inspect-onnx.js';
import {
  type ModelSummary,
  nameList,
  printDetails,
  printOperations,
  printSummary,
} from './model-summary.js';
import { onnxOptions } from './open-model.js';
import type { Fact } from './page.js';
import { type SentenceFindings, sentenceFacts, sentenceFindings } from './sentence-facts.js';

export interface InspectOptions extends CommonOptions {
  readonly firstPosition?: number;
  readonly graph?: boolean;
}

/** The figures of a folder. */
interface Findings {
  readonly path: string;
  readonly task: Task | 'encoder';
  /** Classification: the problem type, which says what the logits mean; else null. */
  readonly problem: string | null;
  readonly modelType: string;
  readonly parameters: number;
  readonly weightBytes: number;
  readonly dtypes: Readonly<Record<string, number>>;
  /** Bits of a quantized model's activations; else null. */
  readonly activationBits: ActivationBits | null;
  /** Number of matrix products whose input is equalized. */
  readonly equalized: number;
  readonly maxTokens: number;
  readonly vocabulary: number;
  readonly pooling: string | null;
  readonly normalize: boolean | null;
  /** Settings from the sentence-transformers files; null where there are none. */
  readonly sentence: SentenceFindings | null;
  readonly labels: readonly string[] | null;
  /** Classification: what the logits were divided by since the training; 1: nothing. */
  readonly temperature: number;
  /** Several labels: fitted thresholds in the order of the labels; null: 0.5 for each. */
  readonly thresholds: readonly number[] | null;
  readonly unused: readonly string[];
  /** Names of weights of a head that was never trained. */
  readonly untrained: readonly string[];
  readonly notes: readonly string[];
  /** Record of the compression that made it; null: there was none. */
  readonly compression: JsonObject | null;
}

export async function inspect(
  dir: string | undefined,
  options: InspectOptions,
  surroundings: Surroundings,
): Promise<void> {
  const out = new Console(surroundings, options);
  const path = dir === undefined ? EMBEDDED_MODEL : await resolveModel('inspect', dir);
  const onnx = await findOnnxFile(path);
  const { firstPosition } = await onnxOptions({ ...options, model: path });
  if (onnx !== null) return inspectOnnx(onnx, given({ ...options, firstPosition }), out);
  const { findings, graph } = await examine(path);
  printSummary(out.page, summaryOf(findings));
  printDetails(out.page, detailsOf(findings));
  if (options.graph !== false) printOperations(out.page, graph);
  out.json({ ...findings, ...(options.graph !== false && { graph }) });
}

async function examine(path: string): Promise<{ findings: Findings; graph: EncoderGraph }> {
  const { task, problem } = await folderTask(path);
  const folder = await readHfFolder(path);
  try {
    const tokenizer = await loadTokenizer(folder.tokenizerPath);
    const pooling = folder.sentence?.pooling?.join(' + ') ?? null;
    const stored = readQuantizedTensors(path, folder.config, folder.tensors);
    const { tensors } = stored;
    const config = withoutQuantizationConfig(folder.config);
    const checkpoint = graphFromCheckpoint(
      { path, config, tensors, sentence: folder.sentence, modelMaxLength: folder.modelMaxLength },
      { task },
    );
    const { graph, labels, sources } = asQuantized(path, checkpoint, stored);
    const used = new Set(sources.values());
    const marked = untrainedTensors(folder.weights);
    const dtypes: Record<string, number> = {};
    let weightBytes = 0;
    for (const { dtype, shape } of folder.tensors.values()) {
      dtypes[dtype] = (dtypes[dtype] ?? 0) + 1;
      weightBytes += shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
    }
    const isUsed = (name: string) => used.has(name) || stored.parts.has(name);
    return {
      graph,
      findings: {
        path,
        task: task === 'embedding' && pooling === null ? 'encoder' : task,
        problem,
        modelType: graph.architecture,
        parameters: countParameters(checkpoint.graph),
        weightBytes,
        dtypes,
        activationBits: activationBitsOf(graph),
        equalized: equalizersOf(graph).size,
        maxTokens: graph.maxTokens,
        vocabulary: tokenizer.vocabulary,
        pooling: task === 'embedding' ? pooling : null,
        normalize:
          task === 'embedding' && folder.sentence !== null ? isNormalized(folder.sentence) : null,
        sentence: sentenceFindings(folder.sentence),
        labels,
        ...classifierSettings(task === 'classification' ? config : {}, labels?.length ?? 0, path),
        unused: [...folder.tensors.keys()].filter((name) => !isUsed(name)),
        untrained: [...used].filter((name) => marked.has(name)),
        notes: checkpoint.notes,
        compression: folder.compression,
      },
    };
  } finally {
    await folder.close();
  }
}

function summaryOf(findings: Findings): ModelSummary {
  const { problem, modelType, weightBytes } = findings;
  const several = problem !== null && problem !== 'single_label_classification';
  const dtypes = Object.entries(findings.dtypes).map(([dtype, count]) => `${count} ${dtype}`);
  return {
    ...findings,
    task: several ? `${findings.task}, ${problem}` : findings.task,
    family: modelType,
    weights: `${formatBytes(weightBytes)} (tensors: ${dtypes.join(', ')})`,
  };
}

/** What the summary leaves out. */
function detailsOf(findings: Findings): Fact[] {
  const { path, task, pooling, normalize, unused, activationBits, equalized } = findings;
  const pooled = pooling === null ? 'not stated' : `${pooling}${normalize ? ', normalized' : ''}`;
  const int8 = `${activationBits} bits, one range per token, equalized at ${equalized} products`;
  const when = (isShown: boolean, fact: Fact): Fact[] => (isShown ? [fact] : []);
  return [
    ['folder', path],
    ...when(task === 'embedding' || task === 'encoder', ['pooling', pooled]),
    ...sentenceFacts(findings.sentence),
    ...when(activationBits !== null, ['activations', int8]),
    ...when(findings.temperature !== 1, [
      'temperature',
      `${findings.temperature.toPrecision(4)}, in the weights`,
    ]),
    ...when(findings.thresholds !== null, [
      'thresholds',
      nameList(
        (findings.labels ?? []).map(
          (label, i) => `${label} ${findings.thresholds?.[i]?.toPrecision(3)}`,
        ),
      ),
    ]),
    ...compressionFacts(findings.compression),
    ...findings.notes.map((note): Fact => ['note', note]),
    ...when(unused.length > 0, ['not used', `${unused.length}: ${nameList(unused)}`]),
  ];
}
