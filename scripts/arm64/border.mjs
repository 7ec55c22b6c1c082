// The border of the core under qemu: what callers can hand to it wrongly, and spoiled graphs (test/border).
import { join } from 'node:path';

/** Emulation is some ten times as slow, so fewer models are spoiled than on x86. */
const ROUNDS = 400;
const SHOWN = 10;

/** Every case of abuse gets the answer that it must get: { ok, text }. */
export async function runAbuse(emulation, root) {
  const script = join(root, 'test/border/abuse.mjs');
  const { ok, stdout, stderr } = await emulation.run(['--expose-gc', script, '0']);
  // A case prints a line before it runs and one after it, so the last line of an index is its answer.
  const lines = stdout.split('\n').filter(Boolean);
  const results = new Map(lines.map((line) => JSON.parse(line)).map((one) => [one.index, one]));
  const wrong = [...results.values()].filter(({ expected, got }) => got !== expected);
  if (ok && wrong.length === 0 && results.size > 0) return { ok, text: `${results.size} cases` };
  const told = wrong.map(({ name, expected, got }) => `${name}: must give ${expected}, got ${got}`);
  return { ok: false, text: [...told.slice(0, SHOWN), stderr.slice(-2000)].join('\n') };
}

/** Spoiled graphs are refused with a code, or run: { ok, text }. */
export async function runFuzz(emulation, root) {
  const script = join(root, 'test/border/fuzz.mjs');
  const { ok, stdout, stderr } = await emulation.run([script, String(ROUNDS)]);
  if (!ok) return { ok, text: stderr.slice(-2000) };
  const { accepted, refused, failures } = JSON.parse(stdout);
  if (failures.length === 0) return { ok, text: `${accepted} ran, ${refused} were refused` };
  return { ok: false, text: failures.slice(0, SHOWN).join('\n') };
}
