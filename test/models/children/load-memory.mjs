// Prints how far the memory of this process grew at its peak while a model was loaded, and what its tokenizer takes.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EMBEDDED_MODEL } from '../../../dist/checkpoint/embedded-model.js';
import { Encoder } from '../../../dist/index.js';
import { loadTokenizer } from '../../../dist/tokenize/text-tokenizer.js';

const small = fileURLToPath(new URL('../../fixtures/encoders/bert', import.meta.url));

/** Resident memory now (VmRSS) and at its highest (VmHWM), in bytes. */
function memory(key) {
  const match = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(
    readFileSync('/proc/self/status', 'utf8'),
  );
  return Number(match?.[1]) * 1024;
}

// A first small model loads the code, the addon and the threads.
await (await Encoder.load(small, { pooling: 'mean' })).dispose();
globalThis.gc();
const start = memory('VmRSS');
const tokenizer = await loadTokenizer(EMBEDDED_MODEL);
globalThis.gc();
const tokenizerBytes = memory('VmRSS') - start;
const before = memory('VmRSS');
const encoder = await Encoder.load();
const grown = memory('VmHWM') - before;
const { residentBytes } = await encoder.info();
const { vocabulary } = tokenizer;
console.log(JSON.stringify({ vocabulary, tokenizerBytes, grown, residentBytes }));
