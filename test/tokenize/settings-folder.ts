// Folders with the files of a tokenizer, made of those of a fixture and changes.
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../formats/temporary-folder.js';

const ENCODERS = fileURLToPath(new URL('../fixtures/encoders', import.meta.url));

type Json = Record<string, unknown>;

export interface FolderChanges {
  /** Name of an encoder fixture. */
  readonly base: string;
  /** Plain vocabulary files in place of tokenizer.json. */
  readonly vocabulary?: boolean;
  /** Path in tokenizer.json (`normalizer.lowercase`) -> value. */
  readonly tokenizer?: Readonly<Json>;
  /** As `tokenizer`, for tokenizer_config.json; `$remove` leaves the file out. */
  readonly config?: Readonly<Json> | '$remove';
  /** As `tokenizer`, for config.json; `$remove` leaves the file out. */
  readonly model?: Readonly<Json> | '$remove';
  /** Further files, or other content of files. */
  readonly files?: Readonly<Record<string, unknown>>;
}

/** The folder of a tokenizer, without weights. */
export async function settingsFolder(changes: FolderChanges): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(folder, { recursive: true });
  const { base, files = {} } = changes;
  const content: Record<string, unknown> = {};
  const tokenizer = changed(base, 'tokenizer.json', changes.tokenizer ?? {}) as unknown as {
    readonly model: { readonly vocab: Record<string, number>; readonly merges?: string[][] };
  };
  const { vocab, merges } = tokenizer.model;
  if (changes.vocabulary !== true) content['tokenizer.json'] = tokenizer;
  else if (merges === undefined) {
    const words = Object.entries(vocab).sort((a, b) => a[1] - b[1]);
    content['vocab.txt'] = words.map(([word]) => `${word}\n`).join('');
  } else {
    content['vocab.json'] = vocab;
    content['merges.txt'] =
      `#version: 0.2\n${merges.map((pair) => `${pair.join(' ')}\n`).join('')}`;
  }
  const { config = {}, model = {} } = changes;
  if (config !== '$remove') {
    content['tokenizer_config.json'] = changed(base, 'tokenizer_config.json', config);
  }
  if (model !== '$remove') content['config.json'] = changed(base, 'config.json', model);
  for (const [name, value] of Object.entries({ ...content, ...files })) {
    await writeFile(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  }
  return folder;
}

function changed(base: string, file: string, changes: Readonly<Json>): Json {
  const value = JSON.parse(readFileSync(join(ENCODERS, base, file), 'utf8')) as Json;
  for (const [path, set] of Object.entries(changes)) {
    const keys = path.split('.');
    const last = keys.pop() as string;
    const at = keys.reduce((part, key) => part[key] as Json, value);
    if (set === '$remove') delete at[last];
    else at[last] = set;
  }
  return value;
}
