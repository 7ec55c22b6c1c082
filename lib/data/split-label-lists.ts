/**
 * A split of rows with several labels each, in which every label keeps its share: iterative stratification (Sechidis, Tsoumakas and
 * Vlahavas 2011, "On the Stratification of Multi-Label Data", algorithm 1).
 *
 * The rule: rows of the rarest label are placed first, because nothing can make up for them later.
 */
import { SeededRandom, shuffled } from '../core/random.js';

interface Part {
  readonly rows: number[];
  /** Rows that it still wants: in all, and of each label. */
  wanted: number;
  readonly ofLabel: Map<string, number>;
}

/**
 * Indices of the rows that are held out and of the others, in a shuffled order; `fraction` of the rows, rounded, are held out, more
 * or fewer by some where labels ask for it. `labels`: those of each row.
 */
export function splitLabelLists(
  labels: readonly (readonly string[])[],
  { fraction, seed }: { readonly fraction: number; readonly seed: number },
): { readonly train: number[]; readonly held: number[] } {
  const random = new SeededRandom(seed);
  const left = new Set(shuffled([...labels.keys()], random));
  const byLabel = new Map<string, Set<number>>();
  for (const row of left) {
    for (const label of new Set(labels[row])) {
      const rows = byLabel.get(label) ?? new Set();
      byLabel.set(label, rows.add(row));
    }
  }
  const parts = [1 - fraction, fraction].map((share): Part => {
    const ofLabel = [...byLabel].map(([label, rows]) => [label, rows.size * share] as const);
    return { rows: [], wanted: labels.length * share, ofLabel: new Map(ofLabel) };
  });
  const place = (row: number, label?: string) => {
    const part = neediest(parts, label, random);
    part.rows.push(row);
    part.wanted--;
    left.delete(row);
    for (const one of new Set(labels[row])) {
      part.ofLabel.set(one, (part.ofLabel.get(one) ?? 0) - 1);
      byLabel.get(one)?.delete(row);
    }
  };
  for (let rarest = fewest(byLabel); rarest !== undefined; rarest = fewest(byLabel)) {
    const [label, rows] = rarest;
    for (const row of [...rows]) place(row, label);
  }
  for (const row of [...left]) place(row);
  const [train, held] = parts.map(({ rows }) => shuffled(rows, random));
  return { train: train ?? [], held: held ?? [] };
}

/** The label with the fewest rows that are not placed, of those that have any. */
function fewest(byLabel: ReadonlyMap<string, Set<number>>): [string, Set<number>] | undefined {
  let found: [string, Set<number>] | undefined;
  for (const [label, rows] of byLabel) {
    if (rows.size > 0 && (found === undefined || rows.size < found[1].size)) found = [label, rows];
  }
  return found;
}

/** The part that wants most rows of the label, of these the one that wants most rows, of these a random one. */
function neediest(parts: readonly Part[], label: string | undefined, random: SeededRandom): Part {
  const wish = (part: Part) => (label === undefined ? 0 : (part.ofLabel.get(label) ?? 0));
  const most = Math.max(...parts.map(wish));
  const first = parts.filter((part) => wish(part) === most);
  const wanted = Math.max(...first.map((part) => part.wanted));
  const second = first.filter((part) => part.wanted === wanted);
  return second[second.length === 1 ? 0 : random.below(second.length)] as Part;
}
