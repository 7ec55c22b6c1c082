// A streamed training takes no more memory for a file of 100 MB than for its first rows.
import { createWriteStream } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../formats/temporary-folder.js';
import { child } from '../models/child.js';

const CHILD = '../../memory/children/streaming.mjs';
const MODEL = fileURLToPath(new URL('../fixtures/encoders/bert-seqcls', import.meta.url));
const ROWS = 100_000;
const WORDS = 'the people of this nation and of all states have seen many years of peace and war ';

/** Lines of about a kilobyte. */
function* lines() {
  for (let i = 0; i < ROWS; i++) {
    const text = `${i} ${WORDS.repeat(12)}`;
    yield `${JSON.stringify({ text, label: i % 2 === 0 ? 'a' : 'b' })}\n`;
  }
}

describe.skipIf(platform() !== 'linux')('a streamed training (needs Linux)', () => {
  it('of 100 MB takes the memory of its buffer', { timeout: 300_000 }, async () => {
    const file = join(await temporaryFolder(), 'rows.jsonl');
    await pipeline(Readable.from(lines()), createWriteStream(file));
    const found = await child(CHILD, [MODEL, file]);
    const { steps, rows, rise } = found as Record<'steps' | 'rows' | 'rise', number>;
    expect([steps, rows]).toEqual([Math.ceil(ROWS / 256), ROWS]);
    // The rows alone are 100 MB as text, and 200 MB where JavaScript keeps a text in two bytes a character.
    expect(rise).toBeLessThan(50e6);
  });
});
