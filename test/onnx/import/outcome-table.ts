/** The table of the guide: for each exporter and tool of the zoo, by architecture, what became of its files. */

import type { ZooCase } from './zoo.js';

/** The outcome of importing a case. */
export interface Outcome {
  readonly zooCase: ZooCase;
  /** Refused: why. */
  readonly refused?: string;
  /** Largest error of the tolerance, in f32. */
  readonly ofTolerance: number;
}

const TOOLS: readonly (readonly [string, RegExp])[] = [
  ['ONNX Runtime optimizer', /transformers\.optimizer/],
  ['session of ONNX Runtime, optimized', /session, graph_optimization/],
  ['16-bit floats', /float16/],
  ['int8 dynamic', /quantize_dynamic/],
  ['int8 static: QDQ, QOperator', /quantize_static|ptq/],
  ['4 and 8 bits in blocks', /nbits/],
  ['weight-only int8', /weight-only|int8 initializers|wc8/],
  ['other containers (functions, external data, slim)', /./],
];

function writtenBy({ exporter, postprocess }: ZooCase): string {
  const steps = postprocess.join(' ');
  for (const [name, pattern] of TOOLS) if (steps !== '' && pattern.test(steps)) return name;
  if (exporter.name.startsWith('optimum')) return 'optimum';
  const dynamo = exporter.name.includes('dynamo=True');
  return dynamo ? 'torch.export based exporter' : 'TorchScript exporter';
}

const COLUMNS: readonly (readonly [string, readonly string[]])[] = [
  ['BERT', ['bert']],
  ['DistilBERT', ['distilbert']],
  ['RoBERTa, XLM-R', ['roberta', 'xlm-roberta']],
  ['ALBERT', ['albert']],
  ['ELECTRA', ['electra']],
  ['MPNet', ['mpnet']],
  ['ModernBERT', ['modernbert']],
  ['DeBERTa-v2', ['deberta-v2']],
  ['Nomic-like', ['nomic-like']],
];

/** The table in Markdown: a row for each writer of files; cells say how many were imported, and why others were not. */
export function outcomeTable(outcomes: readonly Outcome[]): string {
  const order = ['TorchScript exporter', 'torch.export based exporter', 'optimum'];
  const rows = [...order, ...TOOLS.map(([name]) => name)];
  const head = `| written by | ${COLUMNS.map(([name]) => name).join(' | ')} |`;
  const lines = rows.map((row) => {
    const cells = COLUMNS.map(([, types]) => {
      const own = outcomes.filter(
        ({ zooCase }) => writtenBy(zooCase) === row && types.includes(zooCase.architecture),
      );
      if (own.length === 0) return '';
      const refused = own.flatMap(({ refused: why }) => (why === undefined ? [] : [why]));
      const imported = own.length - refused.length;
      return [`${imported} imported`, ...refused.map((why) => `refused: ${why}`)].join('; ');
    });
    return `| ${row} | ${cells.join(' | ')} |`;
  });
  const worst = Math.max(...outcomes.map(({ ofTolerance }) => ofTolerance));
  const imported = outcomes.filter(({ refused }) => refused === undefined).length;
  return [
    `${imported} of ${outcomes.length} files are imported. None gives other numbers than were recorded: at worst the f32`,
    `import uses ${worst < 0.5 ? 'less than half' : `${(100 * worst).toFixed(0)} %`} of its tolerance.`,
    '',
    head,
    `|${'---|'.repeat(COLUMNS.length + 1)}`,
    ...lines,
  ].join('\n');
}
