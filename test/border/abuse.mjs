// Runs the abuse cases from number `argv[2]` on and prints one JSON line before and after each, so that a crash names
// its case. Used by abuse.test.ts.

import { arrayCases } from './cases-arrays.mjs';
import { familyCases } from './cases-families.mjs';
import { featureCases } from './cases-features.mjs';
import { fileCases } from './cases-files.mjs';
import { gramCases } from './cases-gram.mjs';
import { graphCases } from './cases-graph.mjs';
import { histogramCases } from './cases-histogram.mjs';
import { packingCases } from './cases-packing.mjs';
import { passCases } from './cases-passes.mjs';
import { runCases } from './cases-run.mjs';
import { storeCases } from './cases-store.mjs';
import { termCases } from './cases-terms.mjs';
import { trainCases } from './cases-train.mjs';
import { weightCases } from './cases-weights.mjs';
import { batch, border, options, output, sealedProgram } from './small.mjs';

const cases = [
  ...graphCases,
  ...familyCases,
  ...packingCases,
  ...fileCases,
  ...arrayCases,
  ...gramCases,
  ...histogramCases,
  ...storeCases,
  ...weightCases,
  ...runCases,
  ...featureCases,
  ...trainCases,
  ...termCases,
  ...passCases,
];

function describeError(error, expected) {
  if (!(error instanceof Error)) return `not an Error: ${String(error)}`;
  if (error.message === 'own') return 'own';
  if (error.code === undefined) return error.name === 'TypeError' ? 'TypeError' : error.message;
  const named = expected.split(' ')[1];
  return named !== undefined && error.message.includes(named)
    ? `${error.code} ${named}`
    : error.code;
}

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

try {
  await sealedProgram();
} catch (error) {
  print({ index: -1, name: 'a job before startLanes', expected: 'INTERNAL', got: error.code });
}
border.startLanes(2);
process.on('unhandledRejection', () => {}); // calls that a case leaves running
for (const [index, [name, expected, action]] of cases.entries()) {
  if (index < Number(process.argv[2])) continue;
  print({ index, name, expected, got: null });
  let got = 'fine';
  try {
    await action();
  } catch (error) {
    got = describeError(error, expected);
  }
  print({ index, name, expected, got });
}
await (await sealedProgram()).run(batch(), [output()], options());
print({ index: cases.length, name: 'a call after all of it', expected: 'fine', got: 'fine' });
