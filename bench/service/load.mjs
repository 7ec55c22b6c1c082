// A fresh process: the time from before the import to the first vector, and from the start of node.
import { answer, loadEncoder } from './input.mjs';

const start = performance.now();
const encoder = await loadEncoder({ asShipped: true });
await encoder.embed(['the first text']);
const end = performance.now();
await encoder.dispose();
// performance.now() counts from the start of node.
answer({ loadMs: end - start, processMs: end });
