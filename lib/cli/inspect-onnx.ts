/**
 * `sinter inspect FILE.onnx`: what was recovered from an ONNX file, what was folded on the way, and how it was verified.
 */
import { formatBytes, formatNumber } from '../core/units.js';
import { printGraph } from '../graph/print.js';
import { OnnxModel, type OnnxReport } from '../models/onnx-model.js';
import { insideOf } from '../models/text-model.js';
import type { Console } from './context.js';
import { pad, printable, truncate } from './output.js';

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
  const facts: [string, string][] = [
    ['task', `${report.task} (${report.family})`],
    ['parameters', formatNumber(info.parameters)],
    ['longest text', `${formatNumber(info.maxTokens)} tokens`],
    ...(info.labels === null
      ? []
      : [['labels', `${info.labels.length}: ${info.labels.join(', ')}`] as [string, string]]),
    ...(info.untrained.length === 0
      ? []
      : [
          ['untrained', `${truncate(info.untrained.join(', '), 60)}: drawn at random`] as [
            string,
            string,
          ],
        ]),
    ...reportFacts(report),
  ];
  out.print(facts.map(([name, value]) => `${pad(name, 14)}${printable(value)}\n`).join(''));
  if (options.graph !== false) out.print(`\n${printGraph(graph)}\n`);
  out.json({ ...report, ...info, ...(options.graph !== false && { graph }) });
}

function reportFacts(report: OnnxReport): [string, string][] {
  const { verification, times, opsets } = report;
  const versions = Object.entries(opsets).map(([domain, version]) => `${domain} ${version}`);
  const list = (pairs: Readonly<Record<string, string>>) =>
    Object.entries(pairs)
      .map(([name, is]) => (name === is ? name : `${name} = ${is}`))
      .join(', ');
  const rules = report.rules.map(({ rule, count }) => `${rule} ${count}`).join(', ');
  const facts: [string, string][] = [
    ['file', `${report.file} (${formatBytes(report.bytes)}, ${report.producer || 'unknown'})`],
    ['operators', `${versions.join(', ')}; IR ${report.irVersion}`],
    ['inputs', list(report.inputs)],
    ['outputs', list(report.outputs)],
    ['nodes', `${report.nodes}, plain ${report.plainNodes}`],
    ['rules', rules || 'none needed'],
  ];
  if (report.ignored.length > 0) facts.push(['left out', report.ignored.join(', ')]);
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
