// How long a process takes from its start to the first vector of the embedded encoder: import, load and first text, in f32 and in int8,
// beside what Node itself takes. Medians over processes in turns; the files are in the page cache.
//
//   node bench/start/run.mjs [--rounds 21]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Encoder } from '../../dist/index.js';
import { count } from '../support/arguments.mjs';
import { describeMachine, load } from '../support/machine.mjs';
import { machineLines, table } from '../support/output.mjs';
import { activeIsa } from '../support/sinter.mjs';
import { median } from '../support/timing.mjs';

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '21' } } });
const rounds = count('--rounds', values.rounds);
const loadBefore = load();
const folder = mkdtempSync(join(tmpdir(), 'sinter-start-'));
const embedded = fileURLToPath(new URL('../../models/all-MiniLM-L6-v2', import.meta.url));
const int8 = join(folder, 'int8');
const encoder = await Encoder.load(embedded);
const quantized = await encoder.quantize();
await quantized.save(int8);

const CHILD = fileURLToPath(new URL('./child.mjs', import.meta.url));
const forms = [
  ['f32', embedded],
  ['int8', int8],
];
const times = forms.map(() => []);
for (let round = -1; round < rounds; round++) {
  for (const [i, [, path]] of forms.entries()) {
    const line = execFileSync(process.execPath, [CHILD, path], { encoding: 'utf8' });
    if (round >= 0) times[i].push(JSON.parse(line));
  }
}
rmSync(folder, { recursive: true });
const machine = { ...describeMachine(), loadBefore, loadAfter: load() };
console.log(machineLines(machine, activeIsa()).join('\n'));
console.log(
  table([
    ['MiniLM', 'Node itself, ms', 'import', 'load', 'first vector', 'import to first vector'],
    ...forms.map(([name], form) => [
      name,
      ...[0, 1, 2, 3].map((part) => median(times[form].map((time) => time[part])).toFixed(0)),
      median(times[form].map(([, ...parts]) => parts.reduce((sum, ms) => sum + ms, 0))).toFixed(0),
    ]),
  ]),
);
process.exit(0);
