/**
 * The texts of a call, read several times.
 *
 * An array is read where it is. All else is read once, into a temporary file, because a stream may end and may be larger than
 * the memory.
 */

import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rangeMistake, throwIfAborted, typeMistake } from '../core/errors.js';
import { fileError, fileSystemError } from '../files/index.js';
import { checkText } from '../tokenize/text-check.js';
import type { TextInput } from '../tokenize/text-tokenizer.js';

/** Texts, or pairs of them, in memory or as a stream. */
export type Texts = Iterable<TextInput> | AsyncIterable<TextInput>;

/** Some texts one after the other, and the number of the first. */
export interface TextChunk {
  readonly first: number;
  readonly texts: readonly TextInput[];
}

export interface Corpus extends AsyncDisposable {
  /** All texts, from the first on; may be called again. */
  chunks(): AsyncIterable<TextChunk>;
}

/** Most texts, and UTF-16 units, of a chunk of several texts. */
const CHUNK_TEXTS = 512;
const CHUNK_UNITS = 1 << 18;

/** Throws TypeError for what is no list or stream of texts, RangeError for no text. */
export async function corpusOf(
  where: string,
  texts: Texts,
  signal: AbortSignal | undefined,
): Promise<Corpus> {
  if (Array.isArray(texts)) {
    if (texts.length === 0) throw noText(where, texts);
    return {
      async *chunks() {
        yield* chunksOf(where, texts);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }
  const isObject = typeof texts === 'object' && texts !== null;
  if (!isObject || !(Symbol.iterator in texts || Symbol.asyncIterator in texts)) {
    throw typeMistake(`${where}: texts`, 'an (async) iterable of strings or pairs', texts);
  }
  const folder = await mkdtemp(join(tmpdir(), 'sinter-texts-')).catch((error: unknown) => {
    throw fileError(error, tmpdir());
  });
  const corpus = new FileCorpus(folder);
  try {
    for await (const chunk of chunksOf(where, texts)) {
      throwIfAborted(signal, where);
      await corpus.add(chunk);
    }
    if (corpus.isEmpty) throw noText(where, texts);
    return corpus;
  } catch (error) {
    await corpus[Symbol.asyncDispose]();
    throw error;
  }
}

async function* chunksOf(where: string, texts: Texts): AsyncGenerator<TextChunk> {
  let chunk: TextInput[] = [];
  let [first, units] = [0, 0];
  for await (const text of texts) {
    checkText(`${where}: texts[${first + chunk.length}]`, text);
    chunk.push(text);
    units += typeof text === 'string' ? text.length : text[0].length + text[1].length;
    if (chunk.length < CHUNK_TEXTS && units < CHUNK_UNITS) continue;
    yield { first, texts: chunk };
    first += chunk.length;
    [chunk, units] = [[], 0];
  }
  if (chunk.length > 0) yield { first, texts: chunk };
}

function noText(where: string, texts: Texts): RangeError {
  return rangeMistake(`${where}: texts`, 'at least one text', texts);
}

/** Chunks in a file, each a JSON text. */
class FileCorpus implements Corpus {
  private readonly folder: string;
  private readonly path: string;
  private file: FileHandle | null = null;
  private readonly places: {
    readonly first: number;
    readonly at: number;
    readonly bytes: number;
  }[] = [];
  private size = 0;

  constructor(folder: string) {
    this.folder = folder;
    this.path = join(folder, 'texts.json');
  }

  get isEmpty(): boolean {
    return this.places.length === 0;
  }

  async add({ first, texts }: TextChunk): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(texts));
    try {
      this.file ??= await open(this.path, 'wx+', 0o600);
      for (let done = 0; done < bytes.length; ) {
        const left = bytes.length - done;
        done += (await this.file.write(bytes, done, left, this.size + done)).bytesWritten;
      }
    } catch (error) {
      throw fileError(error, this.path);
    }
    this.places.push({ first, at: this.size, bytes: bytes.length });
    this.size += bytes.length;
  }

  async *chunks(): AsyncGenerator<TextChunk> {
    for (const { first, at, bytes } of this.places) {
      const text = Buffer.alloc(bytes);
      for (let done = 0; done < bytes; ) {
        const read = await this.file?.read(text, done, bytes - done, at + done);
        if (!read?.bytesRead) throw fileSystemError('EIO', this.path);
        done += read.bytesRead;
      }
      yield { first, texts: JSON.parse(text.toString()) as TextInput[] };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.file?.close().catch(() => {});
    this.file = null;
    await rm(this.folder, { recursive: true, force: true }).catch(() => {});
  }
}
