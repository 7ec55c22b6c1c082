/** What the code itself costs is in every run, what the machine adds is not: so times are compared by the least of several runs. */

const RUNS = 3;

/** The least that each name took, in at most three runs; fewer once nothing is over the limit. */
export async function leastOf(
  run: () => Promise<Record<string, number>>,
  limit: number,
): Promise<Map<string, number>> {
  const least = new Map<string, number>();
  for (let i = 0; i < RUNS; i++) {
    for (const [name, took] of Object.entries(await run())) {
      least.set(name, Math.min(took, least.get(name) ?? Number.POSITIVE_INFINITY));
    }
    if (over(least, limit).length === 0) break;
  }
  return least;
}

/** Those that took more than the limit. */
export const over = (least: ReadonlyMap<string, number>, limit: number): [string, number][] =>
  [...least].filter(([, took]) => took > limit);
