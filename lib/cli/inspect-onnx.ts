/**
 * `sinter inspect FILE.onnx`: what was recovered from an ONNX file, what was folded on the way, and how it was verified.
 */
import { formatBytes } from '../core/units.js';
import { OnnxModel, type OnnxReport } from '../models/onnx-model.js';
import { insideOf } from '../models/text-model.js';
import type { Console } from './context.js';
import { nameList, printDetails, printOperations, printSummary } from './model-summary.js';
import type { Fact } from './page.js';
import { truncate } from './width.js';

export async function inspectOnnx(
  file: string,
  options: { readonly graph?: boolean; readonly firstPosition?: number },
  out: Console,
): Promise<void> {
  await using model = await OnnxModel.load(file, {
    ...(options.firstPosition !== undefined && { firstPosition: options.firstPosition }),
    signal: out.signal,
  });
  const { report } = model;
  const { graph } = insideOf(model).parts;
  const info = await model.info();
  const { labels, parameters, vocabulary, maxTokens, untrained } = info;
  printSummary(out.page, {
    ...{ path: report.file, task: report.task, family: report.family },
    ...{ labels, parameters, vocabulary, maxTokens, untrained },
    weights: `${formatBytes(report.bytes)} (${dtypeOf(report)})`,
  });
  printDetails(out.page, reportFacts(report));
  if (options.graph !== false) printOperations(out.page, graph);
  out.json({ ...report, ...info, ...(options.graph !== false && { graph }) });
}

/** The number format of the weights in the file. */
function dtypeOf({ half, quantizedWeights, int8Weights }: OnnxReport): string {
  const float = half ?? 'float32';
  if (quantizedWeights === 0) return float;
  return int8Weights === 0 ? `quantized, widened to ${float}` : `int8 and ${float}`;
}

function reportFacts(report: OnnxReport): Fact[] {
  const { verification, times, opsets } = report;
  const versions = Object.entries(opsets).map(([domain, version]) => `${domain} ${version}`);
  const list = (pairs: Readonly<Record<string, string>>) =>
    Object.entries(pairs)
      .map(([name, is]) => (name === is ? name : `${name} = ${is}`))
      .join(', ');
  const rules = report.rules.map(({ rule, count }) => `${rule} ${count}`).join(', ');
  const facts: Fact[] = [
    ['file', `${report.file} (written by ${report.producer || 'an unknown program'})`],
    ['operators', `${versions.join(', ')}; IR ${report.irVersion}`],
    ['inputs', list(report.inputs)],
    ['outputs', list(report.outputs)],
    ['nodes', `${report.nodes}, plain ${report.plainNodes}`],
    ['rules', rules || 'none needed'],
  ];
  if (report.ignored.length > 0) facts.push(['left out', nameList(report.ignored)]);
  if (report.half !== null) facts.push(['widened', `${report.half} to float32`]);
  if (report.quantizedWeights > 0) {
    const kept = `${report.int8Weights} weights stay int8`;
    facts.push(['quantized', `${report.quantizedWeights} tensors in the file; ${kept}`]);
  }
  for (const note of report.notes) facts.push(['note', note]);
  for (const line of report.why) facts.push(['no family', truncate(line, 100)]);
  const checked =
    verification === null
      ? 'switched off'
      : `${verification.outputs.join(', ')} differ by ${verification.difference.toExponential(1)} of their size ` +
        `(at most ${verification.tolerance}) in ${verification.ms.toFixed(0)} ms`;
  facts.push(['verified', checked]);
  for (const note of verification?.notes ?? []) facts.push(['note', note]);
  const ms = (time: number) => `${time.toFixed(0)} ms`;
  const recovered = report.cached ? 'recovered before (cache)' : `${ms(times.recover)} recovered`;
  facts.push(['time', `${ms(times.read)} read and rewritten, ${recovered}`]);
  return facts;
}
