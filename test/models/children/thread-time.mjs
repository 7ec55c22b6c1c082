// Milliseconds that the JavaScript thread itself ran, by the kernel's own account: other processes do not count.
import { readFileSync } from 'node:fs';

export const ran = () => Number(readFileSync('/proc/self/schedstat', 'latin1').split(' ')[0]) / 1e6;

/** The longest turn of the event loop until `work` is done, and what it gave: { longest, result }. */
export async function longestTurn(work) {
  let longest = 0;
  let last = ran();
  let over = false;
  const look = () => {
    const now = ran();
    longest = Math.max(longest, now - last);
    last = now;
    if (!over) setImmediate(look);
  };
  setImmediate(look);
  const result = await work();
  over = true;
  look();
  return { longest, result };
}
